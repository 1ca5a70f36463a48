"""Start MiniStack with the extension: `python -m extension` (from `infra/local`, or with it on PYTHONPATH)."""

import os
import sys

import extension


def main() -> None:
    """Set the defaults that keep the server on this machine, install the gap modules, and serve."""
    port = os.environ.setdefault("GATEWAY_PORT", "4566")
    # Without it, native functions and our own SDK calls would talk to the real AWS.
    os.environ.setdefault("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    os.environ.setdefault("BIND_HOST", "127.0.0.1")
    os.environ.setdefault("IOT_MTLS_ENABLED", "0")
    # A proxy of the shell is not for calls from the server to itself and to its neighbours.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1,localhost")))
    try:
        extension.load()
    except (extension.WrongVersionError, ValueError) as error:
        sys.exit(f"local cloud: {error}")
    from ministack import app

    app.main()
    # Executions that still run hold threads which Python would wait for; the server has closed, nobody needs them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
