"""The deployment: `sam deploy` of the very template that goes to AWS, against the local cloud."""

import json
import os
import subprocess
from collections.abc import Mapping

import boto3
from botocore.exceptions import ClientError

from machine import settings
from machine.failure import Failure
from machine.processes import tail

SAM = settings.ROOT / ".tools" / "bin" / "sam"
TEMPLATE = settings.ROOT / "infra" / "template.yaml"
ARTIFACTS = settings.name("artifacts")
"""The bucket for what `sam deploy` uploads; made here, as the managed one would be a stack of its own."""

STACK = f"{settings.PREFIX}-{settings.STAGE}"

BRIEF = {
    "storeUnreachable": "allow",
    "maxWaitMs": 600_000,
    "clockSkewMs": 50,
    # Short enough for an outage to open the gate before the pipeline's alarm rings, which a few executions make.
    "slidingWindowSize": 20,
    # With its jitter of a fifth a break is over before the pipeline breaker probes again, which is half of
    # ProbeBaseSeconds later at the earliest: a probe's trials find a gate that is due for trials of its own, and the
    # first probe after the repair ends the outage.
    "breakDurationMs": 2000,
    "maxBreakDurationMs": 2000,
}
"""Knobs of every gate: breaks of seconds."""

LOCAL = {
    # Built for this machine; the local cloud runs what it finds.
    "Architecture": "arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64",
    # A stage that is thrown away with its process.
    "DeletionProtection": "false",
    "PaymentApiKey": "sk_test_local",
    "FraudApiKey": "fraud-local",
    "LoyaltyApiKey": "loyalty-local",
    "NewsletterApiKey": "Bearer newsletter-local",
    # A request that the newsletter refuses for good has failed after seconds.
    "NewsletterReceives": "3",
    # Load tests come from one address.
    "ThrottleRate": "1000",
    "ThrottleBurst": "2000",
    # Minutes on AWS are seconds here, so that an outage fits into a test.
    "PaymentTimeoutMs": "2000",
    "SweepRate": "rate(10 seconds)",
    "SweepStaleSeconds": "30",
    "ResendAfterSeconds": "30",
    "RetryMaxDelaySeconds": "5",
    "IntentsVisibilitySeconds": "10",
    "ConsumerVisibilitySeconds": "30",
    "ProxyVisibilitySeconds": "15",
    "AttemptTimeoutSeconds": "20",
    "FailureThreshold": "4",
    "AlarmPeriodSeconds": "10",
    "ProbeRate": "rate(5 seconds)",
    "TrialSeconds": "20",
    "SettleSeconds": "5",
    "ProbeBaseSeconds": "5",
    "ProbeMaxSeconds": "20",
    # The index of one machine: no Java needed.
    "SearchEngine": "Embedded",
    "RouteFailureThreshold": "3",
    "RouteAlarmPeriodSeconds": "10",
    "RepairRate": "rate(5 seconds)",
    # What waited while the circuit was open must not be the next overload: this machine bears ten attempts a second.
    "FraudGate": json.dumps(BRIEF | {"ratePerSecond": 10, "burst": 10, "callTimeoutMs": 15000, "callSlackMs": 2000}),
    "LoyaltyGate": json.dumps(BRIEF | {"ratePerSecond": 20, "burst": 20, "callTimeoutMs": 10000}),
    "PaymentGate": json.dumps(
        BRIEF
        | {"ratePerSecond": 50, "burst": 50, "callTimeoutMs": 2000, "maxWaitMs": 5000, "permittedCallsInHalfOpen": 12}
    ),
}
"""What differs from AWS: parameters of the template, nothing else."""


def deploy(endpoint: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy the platform with `parameters` on top of the local ones; the answer is the stack's outputs."""
    functions = settings.ROOT / "target" / "lambda"
    if not any(functions.glob("*/bootstrap")):
        raise Failure(f"No function is built in {functions}; `make build` builds them.")
    environment = settings.aws_environment(endpoint) | {"SAM_CLI_TELEMETRY": "0"}
    session().client("s3", endpoint_url=endpoint).create_bucket(
        Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": settings.REGION}
    )
    overrides = {"Prefix": settings.PREFIX, "Stage": settings.STAGE} | LOCAL | dict(parameters)
    log = settings.LOGS / "deploy.log"
    with log.open("wb") as output:
        ended = subprocess.run(
            [
                str(SAM),
                "deploy",
                "--template-file",
                str(TEMPLATE),
                "--stack-name",
                STACK,
                "--s3-bucket",
                ARTIFACTS,
                "--region",
                settings.REGION,
                "--capabilities",
                "CAPABILITY_IAM",
                "CAPABILITY_NAMED_IAM",
                "CAPABILITY_AUTO_EXPAND",
                "--no-progressbar",
                "--no-confirm-changeset",
                "--no-fail-on-empty-changeset",
                "--parameter-overrides",
                *(f'{key}="{escaped(value)}"' for key, value in overrides.items()),
            ],
            cwd=settings.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode != 0:
        raise Failure(f"sam deploy ended with status {ended.returncode}; the end of {log}:\n{tail(log, 25)}")
    return outputs(endpoint)


def escaped(value: str) -> str:
    """A value between double quotes, as sam reads it."""
    return value.replace('"', '\\"')


def outputs(endpoint: str) -> dict[str, str]:
    """The outputs of the deployed stack, by key."""
    try:
        stacks = session().client("cloudformation", endpoint_url=endpoint).describe_stacks(StackName=STACK)["Stacks"]
    except ClientError as error:
        raise Failure(f"The platform's stack is not there: {error}") from error
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}


def session() -> boto3.Session:
    """A session for the local cloud; its keys are good for nothing else."""
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=settings.REGION)
