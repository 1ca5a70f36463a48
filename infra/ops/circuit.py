"""The pipeline breaker in a person's hand.

    make open-circuit    WHY="why"    no subscription is started until somebody closes the circuit
    make close-circuit   WHY="why"    subscriptions run again; an alarm that still rings soon opens it again
    make disable-circuit WHY="why"    subscriptions run whatever the alarm says, until somebody closes the circuit
    make show-circuit                 the record

The command goes to the half-open probe, the one that may touch the pipe; the record keeps who gave it and why.
"""

import getpass
import json
import os
import sys
import time
from typing import Any

import stage
from botocore.exceptions import BotoCoreError, ClientError
from stage import Stage, give_up

COMMANDS = {"forced_open": "open-circuit", "closed": "close-circuit", "disabled": "disable-circuit"}
WORDS = {
    "applied": "Pipe and banner follow",
    "since": "delayed or normal since",
    "nextProbeAt": "no probe before",
    "failedProbes": "probes failed in a row",
    "reason": "last changed by",
}
"""What a field of the answer means to a person."""
PATIENCE_SECONDS = 120
"""How long the pipe may take to follow: stopping one on AWS is not instant."""


def main() -> None:
    """Give the command that the first argument names; without one, show the record."""
    state = sys.argv[1] if len(sys.argv) > 1 else ""
    why = os.environ.get("WHY", "").strip()
    if state and not why:
        give_up(f'Say why: make {COMMANDS[state]} WHY="…". It is written into the record.')
    where = stage.from_env()
    if not state:
        for name, value in invoke(where, {"show": True}).items():
            print(f"{WORDS.get(name, name):<28} {value if value is not None else '-'}")
        return
    said = invoke(where, {"command": {"state": state, "by": caller(where), "why": why}})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not said["applied"]:
        # The record is written; the pipe follows at the next tick, which need not be the schedule's.
        if time.monotonic() > deadline:
            give_up(f"The record says {state}, the pipe has not followed yet, the probe goes on. {said['reason']}")
        time.sleep(1)
        said = invoke(where, {})
    if said["state"] != state:
        give_up(
            f"The circuit is {said['state']} again, not {state}. {said['reason']}. "
            f'While the alarm is in ALARM only make disable-circuit WHY="…" lets the pipeline run.'
        )
    print(f"The circuit is {said['state']}, generation {said['generation']}. {said['reason']}")


def caller(where: Stage) -> str:
    """Who gives the command: the identity that AWS knows, and the person at this machine."""
    try:
        arn = where.client("sts").get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError) as error:
        give_up(f"AWS does not know who you are: {error}")
    return f"{arn} ({getpass.getuser()})"


def invoke(where: Stage, payload: dict[str, Any]) -> dict[str, Any]:
    """One call of the probe's function; its error ends the program."""
    function = where.resource("half-open-probe")
    try:
        answer = where.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
    except (BotoCoreError, ClientError) as error:
        give_up(f"{function} cannot be called: {error}")
    said = json.load(answer["Payload"])
    if "FunctionError" in answer:
        give_up(f"{function} failed: {said.get('errorMessage', said)}")
    return said


if __name__ == "__main__":
    main()
