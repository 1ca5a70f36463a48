"""The gates of third parties, circuit breaker and token bucket: show them, or switch one.

    make ops breaker               all of them
    make ops breaker DEP=<name>    one of them; also: make ops BREAKER=<name>
    make ops breaker DEP=<name> ACTION=force-open|force-close|disable WHY="why I do so"

The calls are signed with the caller's AWS credentials (SigV4); the API writes who it was and why into the gate's audit.
"""

import os
import sys
import time
import urllib.parse
from typing import Any

import stage
from api import call, decision, moment
from stage import give_up

ACTIONS = ("force-open", "force-close", "disable")
AUDIT_LINES = 5
"""The latest are enough at night; the API has 50."""

MEANINGS = {
    "closed": "calls flow",
    "open": "no call gets through until the next trial",
    "half_open": "a few trial calls get through",
    "forced_open": "a person stopped all calls",
    "disabled": "calls flow whatever becomes of them; a person said so",
}
NEXT = {
    "closed": "Nothing. If the provider is in trouble that the gate cannot see: ACTION=force-open.",
    "open": "Wait: once the provider answers, trial calls close it by themselves. Its own status page may say "
    "more. If you know that it is repaired, and cannot wait: ACTION=force-close.",
    "half_open": "Wait for the trial calls. Permits that are out and never reported run out by themselves.",
    "forced_open": "It stays so. When the reason is gone: ACTION=force-close.",
    "disabled": "It protects nobody now. When the reason is gone: ACTION=force-close.",
}


def main() -> None:
    """Do what the variables ask for."""
    name, action, why = (os.environ.get(variable, "").strip() for variable in ("DEP", "ACTION", "WHY"))
    name = name or os.environ.get("BREAKER", "").strip()
    if not action:
        where = stage.from_env()
        listed = [call(where, "GET", path(name))] if name else call(where, "GET", "/ops/breakers")["breakers"]
        for number, breaker in enumerate(listed):
            if number:
                print()
            show(breaker)
        return
    if not name:
        give_up("Say which: DEP=<name>. Without ACTION, all are shown.")
    order = decision(action, why, ACTIONS, f"make ops breaker DEP={name}")
    show(call(stage.from_env(), "POST", path(name), order))


def path(name: str) -> str:
    """The route of one breaker."""
    return f"/ops/breakers/{urllib.parse.quote(name, safe='')}"


def show(breaker: dict[str, Any]) -> None:
    """All that a person needs to know at night, and what to do next."""
    state, window = breaker["state"], breaker["window"]
    permits, successes = breaker["permits"], breaker["successes"]
    line("breaker", f"{breaker['dependency']}: {state.replace('_', ' ')} - {MEANINGS.get(state, 'unknown')}")
    line("since", when(breaker["since"]))
    line("by", f"{breaker['by']}: {breaker['why']}")
    line("generation", f"{breaker['generation']}, opened {breaker['opens']} times in a row")
    if state == "open":
        line("until", when(breaker["until"]))
    elif state == "half_open":
        line("until", f"{when(breaker['until'])}: the lease of the permits ends; if all are taken, there are new ones")
    line("window", f"{window['calls']} calls, {window['failures']} failed, {window['slow']} slow")
    line(
        "trials",
        f"{permits['count']} of {permits['of']} permits taken, {successes['count']} of {successes['of']} succeeded",
    )
    line("tokens", f"{breaker['tokensAvailable']} of {breaker['tokensAtMost']}, over {breaker['shards']} shard(s)")
    if breaker["notBefore"] and breaker["notBefore"] > now():
        line("hold", f"until {when(breaker['notBefore'])}: the provider asked for it")
    line("next slot", when(breaker["nextSlot"]) if breaker["nextSlot"] else "none until somebody closes the circuit")
    for entry in breaker["audit"][:AUDIT_LINES]:
        line("audit", f"{moment(entry['at'])} {entry['by']}: {entry['order']}: {entry['why']}")
    line("do next", NEXT.get(state, "Look at the log of ops-api."))


def line(name: str, text: str) -> None:
    """One line of the table."""
    print(f"{name:<12}{text}")


def when(millis: int | None) -> str:
    """A time, and how far away it is."""
    if millis is None:
        return "-"
    seconds = round((millis - now()) / 1000)
    if abs(seconds) < 1:
        return f"{moment(millis)} (now)"
    return f"{moment(millis)} (in {span(seconds)})" if seconds > 0 else f"{moment(millis)} ({span(-seconds)} ago)"


def span(seconds: int) -> str:
    """Whole seconds, minutes, hours or days, whichever a person would say."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def now() -> int:
    """Milliseconds since the epoch."""
    return round(time.time() * 1000)


if __name__ == "__main__":
    sys.exit(main())
