"""The part of AWS that MiniStack lacks, and that this project needs, as one small module per gap.

MiniStack has no plugin interface: each module replaces named functions of the one pinned version when its `install()`
is called. The order is explicit, because a later module may wrap what an earlier one put in place.
"""

import importlib
import importlib.metadata
import os

PINNED_VERSION = "1.5.33"

GAPS = (
    # Runtime behaviour.
    "sqs_atomic",
    "lambda_warm",
    "lambda_processes",
    "lambda_init_errors",
    "stepfunctions_engine",
    "stepfunctions_jsonata",
    "stepfunctions_tasks",
    "stepfunctions_http",
    "states_metrics",
    "cloudwatch_atomic",
    "cloudwatch_alarms",
    "cloudwatch_emf",
    "sqs_metrics",
    "api_destination_rates",
    "eventbridge_targets",
    "scheduler_targets",
    "pipes_sqs",
    "pipes_dynamodb",
    # API Gateway, Cognito, CloudFormation.
    "apigateway_vtl",
    "apigateway_validation",
    "apigateway_authorizer",
    "apigateway_integrations",
    "apigateway_functions",
    "apigateway_responses",
    "apigateway_openapi",
    "apigateway_context",  # The others read what it writes, so it goes around them.
    "apigateway_domain",
    "cloudformation_types",
    "cloudformation_tables",
    "cloudformation_secrets",
    "cloudformation_nested",
    "cloudformation_strict",  # Watches every resource type, so it comes last.
)
"""The gap modules, in the order in which they are installed."""


class WrongVersionError(RuntimeError):
    """The installed MiniStack is not the one whose internals the gap modules know."""


def check_version() -> None:
    """Refuse any MiniStack but the pinned one, in one sentence."""
    try:
        installed = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        raise WrongVersionError(
            f"MiniStack is not installed; install ministack=={PINNED_VERSION} (see infra/local/README.md)."
        ) from None
    if installed != PINNED_VERSION:
        raise WrongVersionError(
            f"MiniStack {installed} is installed, but the local cloud's extension only fits {PINNED_VERSION}."
        )


def load() -> tuple[str, ...]:
    """Install every gap module that `LOCAL_AWS_WITHOUT` (comma-separated names) does not leave out.

    Returns the names that were installed, in order.
    """
    check_version()
    without = {name.strip() for name in os.environ.get("LOCAL_AWS_WITHOUT", "").split(",") if name.strip()}
    unknown = without - set(GAPS)
    if unknown:
        raise ValueError(f"LOCAL_AWS_WITHOUT names no module of the extension: {', '.join(sorted(unknown))}")
    names = tuple(name for name in GAPS if name not in without)
    for name in names:
        importlib.import_module(f"{__name__}.{name}").install()
    return names
