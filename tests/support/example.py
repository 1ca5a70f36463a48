"""The example stacks: somebody else's pipeline with the pipeline breaker, and one gated call to a third party."""

import os
import subprocess
import uuid

from machine import deploy, settings
from support.breaker import Breaker
from support.executions import Machine
from support.platform import Platform

EXAMPLES = settings.ROOT / "tests" / "examples"
PARAMETERS = {
    "AlarmPeriodSeconds": "10",
    # More than the failed trials of a test, which must not ring for the next one.
    "FailureThreshold": "10",
    "ProbeRate": "rate(1 hour)",
    "ProbeBaseSeconds": "2",
    "TrialSeconds": "10",
    "SettleSeconds": "1",
    "VisibilitySeconds": "10",
}
"""Of the pipeline. Its probe ticks once in an hour, so that a test decides when it does."""


def deployed(platform: Platform) -> Breaker:
    """Deploy the example under a stage of its own, and nothing of it touches the platform; its breaker."""
    stage = new_stage()
    outputs = deploy_stack(platform, "minimal-pipeline", f"minimal-{stage}", PARAMETERS | {"Stage": stage})
    step_functions = platform.aws("stepfunctions")
    return Breaker(
        platform,
        table=outputs["PipelinesTableName"],
        pipeline=outputs["PipelineName"],
        pipe=outputs["PipeName"],
        alarm=outputs["AlarmName"],
        parameter=outputs["StatusParameterName"],
        probe=outputs["HalfOpenProbeName"],
        rule=f"minimal-{stage}-{outputs['PipelineName']}-alarm",
        topic=outputs["OperatorsTopicArn"],
        queue=outputs["QueueUrl"],
        opener=Machine(step_functions, outputs["OpenCircuitStateMachineArn"]),
        worker=Machine(step_functions, outputs["WorkerArn"]),
    )


def gated_call(platform: Platform) -> Machine:
    """Deploy the gated call to the fraud provider's stand-in, through its gate; its state machine."""
    stage, lambdas = new_stage(), platform.aws("lambda")

    def arn(function: str) -> str:
        name = platform.stack["functions"][function]
        return lambdas.get_function(FunctionName=name)["Configuration"]["FunctionArn"]

    parameters = {
        "Stage": stage,
        "ReserveCallArn": arn("reserve-call"),
        "ReportCallArn": arn("report-call"),
        "Dependency": "fraud",
        "Endpoint": f"{platform.stack['standIns']['fraud']['url']}/v1/checks",
        "ApiKey": deploy.LOCAL["FraudApiKey"],
    }
    outputs = deploy_stack(platform, "gated-call", f"gated-{stage}", parameters)
    return Machine(platform.aws("stepfunctions"), outputs["StateMachineArn"])


def new_stage() -> str:
    """A stage that nobody has used."""
    return f"t{uuid.uuid4().hex[:6]}"


def deploy_stack(platform: Platform, template: str, stack: str, overrides: dict[str, str]) -> dict[str, str]:
    """Deploy an example; the stack's outputs."""
    ended = subprocess.run(
        [
            *(str(deploy.SAM), "deploy", "--template-file", str(EXAMPLES / f"{template}.yaml"), "--stack-name", stack),
            *("--s3-bucket", deploy.ARTIFACTS, "--region", settings.REGION, "--no-progressbar"),
            *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"),
            *("--no-confirm-changeset", "--parameter-overrides"),
            *(f'{key}="{value}"' for key, value in overrides.items()),
        ],
        cwd=settings.ROOT,
        env=settings.aws_environment(platform.stack["endpoint"]) | {"SAM_CLI_TELEMETRY": "0"} | no_proxies(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:]
    described = platform.aws("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def no_proxies() -> dict[str, str]:
    """Loopback is reached directly, whatever proxy the shell has set up."""
    loopback = "127.0.0.1,localhost"
    return {"NO_PROXY": loopback, "no_proxy": loopback, "PATH": os.environ.get("PATH", "")}


def as_on_the_first_day(breaker: Breaker) -> None:
    """An empty queue, a running Pipe, an alarm that is quiet, no record."""
    platform = breaker.platform
    platform.aws("sqs").purge_queue(QueueUrl=breaker.queue)
    # Its own alarm may still ring for the test before: it must not open what the next test wants closed.
    breaker.alarm_comes_to("OK", "INSUFFICIENT_DATA")
    breaker.forget()
    if breaker.pipe_state() != "RUNNING":
        breaker.start_pipe()
    breaker.tick()
