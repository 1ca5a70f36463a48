"""Switch the saga's style on a deployed stage. What has begun finishes in the style that began it.

    make style STYLE=Hybrid|Choreography

Only this one parameter of the stack changes, with the template that is deployed. The next deploy sets what it is given:
hand it the same SagaStyle.
"""

import os
import sys
import time

import stage
from botocore.exceptions import BotoCoreError, ClientError
from stage import Stage, give_up

STYLES = ("Hybrid", "Choreography")
WAIT_SECONDS = 3.0
LOCAL_WAIT_SECONDS = 0.3


def main() -> None:
    """Switch, and wait until it is done."""
    style = os.environ.get("STYLE", "")
    if style not in STYLES:
        give_up(f"Say which style: make style STYLE={'|'.join(STYLES)}")
    where = stage.from_env()
    name = f"{where.prefix}-{where.name}"
    try:
        before = switch(where, name, style)
    except (BotoCoreError, ClientError) as error:
        if "No updates are to be performed" in str(error):
            print(f"{name} is {style} already.")
            return
        give_up(f"The stack {name} cannot be switched: {error}")
    print(f"{name}: {before} → {style}. What has begun finishes as {before}.")


def switch(where: Stage, name: str, style: str) -> str:
    """Update the stack; its style before."""
    stacks = where.client("cloudformation")
    parameters = stacks.describe_stacks(StackName=name)["Stacks"][0]["Parameters"]
    before = next((p["ParameterValue"] for p in parameters if p["ParameterKey"] == "SagaStyle"), "none")
    kept = [{"ParameterKey": p["ParameterKey"], "UsePreviousValue": True} for p in parameters]
    stacks.update_stack(
        StackName=name,
        UsePreviousTemplate=True,
        Parameters=[p for p in kept if p["ParameterKey"] != "SagaStyle"]
        + [{"ParameterKey": "SagaStyle", "ParameterValue": style}],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    while True:
        stack = stacks.describe_stacks(StackName=name)["Stacks"][0]
        status = stack["StackStatus"]
        if status == "UPDATE_COMPLETE":
            return before
        if status.endswith(("_COMPLETE", "_FAILED")) and not status.endswith("CLEANUP_IN_PROGRESS"):
            give_up(f"The stack {name} is {status}: {stack.get('StackStatusReason', 'no reason is given')}")
        time.sleep(WAIT_SECONDS if where.endpoint is None else LOCAL_WAIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
