"""A function that refuses to start says why.

Gap: when a `provided.*` bootstrap ends during its initialisation, the invocation fails with `Runtime.Unknown`, the
function's last words are part of the error message, and its log is empty.
Real AWS: the invocation fails with `Runtime.ExitError`, "RequestId: … Error: Runtime exited with error: exit status
1", and what the function wrote is in its log; an error that the runtime reported itself (`/runtime/init/error`) is the
invocation's error.
Here: the same, for the first and every later invocation.
Unfaithful: no `INIT_REPORT` line; AWS runs a failed initialisation twice within the first invocation, we once.
"""

from ministack.core import lambda_runtime


class _InitFailedError(RuntimeError):
    """The bootstrap ended, or reported an error, before its first poll."""

    def __init__(self, payload: dict | None, exit_code: int | None, log: str):
        super().__init__(f"initialisation failed: {payload or exit_code}")
        self.payload = payload
        self.exit_code = exit_code
        self.log = log


def install() -> None:
    """Give a failed initialisation its own exception, and turn that into the invocation's answer."""
    wait_for_init = lambda_runtime.ProvidedWorker._await_init
    invoke = lambda_runtime.ProvidedWorker.invoke

    def await_init(worker, init_timeout=None):
        try:
            wait_for_init(worker, init_timeout)
        except (lambda_runtime.ProvidedInitTimeout, lambda_runtime.ProvidedRuntimeError):
            raise
        except RuntimeError:
            exit_code = worker._proc.poll() if worker._proc else None
            payload = worker._init_error if isinstance(worker._init_error, dict) else None
            raise _InitFailedError(payload, exit_code, worker._init_log) from None

    def init_log_suffix(worker) -> str:
        if worker._log_thread is not None:
            worker._log_thread.join(timeout=1.0)  # it ends with the pipe, and then every line is in the queue
        worker._init_log = worker._drain_stderr()
        return ""

    def invoke_or_explain(worker, event, request_id, **context):
        worker._init_log = ""
        try:
            return invoke(worker, event, request_id, **context)
        except _InitFailedError as failed:
            return {
                "status": "error",
                "error_payload": failed.payload
                or {
                    "errorType": "Runtime.ExitError",
                    "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: "
                    + _exit_words(failed.exit_code),
                },
                "cold_start": True,
                "log": failed.log,
            }

    lambda_runtime.ProvidedWorker._await_init = await_init
    lambda_runtime.ProvidedWorker._init_log_suffix = init_log_suffix
    lambda_runtime.ProvidedWorker.invoke = invoke_or_explain


def _exit_words(code: int | None) -> str:
    """The end of a process as AWS words it."""
    if code is not None and code < 0:
        return f"signal: {-code}"
    return f"exit status {code if code is not None else 1}"
