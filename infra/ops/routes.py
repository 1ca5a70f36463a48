"""The routes that leave the monolith: show them, or steer one.

    make route                                          all of them
    make route ROUTE=<name>                             one of them
    make route ROUTE=<name> MODE=monolith|modern WHY="why I do so"
    make route ROUTE=<name> MODE=shadow|canary PERCENT=<0 to 100> WHY="why I do so"

The calls are signed with the caller's AWS credentials (SigV4); the API writes who it was and why into the audit.
"""

import datetime
import os
import sys
import time
import urllib.parse
from typing import Any

import stage
from api import call, moment
from botocore.exceptions import BotoCoreError, ClientError
from stage import Stage, give_up

MODES = ("monolith", "shadow", "canary", "modern")
WITH_PERCENT = ("shadow", "canary")
AUDIT_LINES = 5
"""The latest are enough at night; the API has 50."""
PATIENCE_SECONDS = 60
"""How long readers' requests may take to follow: stream, projector, and what functions keep for a few seconds."""
FOLLOWED_SECONDS = 3
"""How long a function keeps what it read."""
WINDOW_MINUTES = 15
"""What "lately" means."""
DIFFERENCES = ("failed", "status", "articles", "order", "fields", "body")

MEANINGS = {
    "monolith": "the monolith answers",
    "shadow": "the monolith answers, and {percent} % of its answers are compared with the new service's",
    "canary": "the new service answers {percent} % of visitors, the monolith the others",
    "modern": "the new service answers",
}


def main() -> None:
    """Do what the variables ask for."""
    route, mode, percent, why = (os.environ.get(name, "").strip() for name in ("ROUTE", "MODE", "PERCENT", "WHY"))
    if not mode:
        where = stage.from_env()
        shown = [call(where, "GET", path(route))] if route else call(where, "GET", "/ops/routes")["routes"]
        for number, one in enumerate(shown):
            if number:
                print()
            show(where, one)
        return
    order = ordered(route, mode, percent, why)
    where = stage.from_env()
    wanted = call(where, "POST", path(route), order)
    print(f"{route} is to be {named(wanted)}: {wanted['why']}")
    show(where, followed(where, route, wanted))


def ordered(route: str, mode: str, percent: str, why: str) -> dict[str, Any]:
    """The body of an order; one that makes no sense ends the program."""
    if not route:
        give_up("Say which: ROUTE=<name>. Without MODE, all are shown.")
    if mode not in MODES:
        give_up(f"MODE={mode} is none of {', '.join(MODES)}.")
    if mode in WITH_PERCENT and not (percent.isdecimal() and int(percent) <= 100):
        give_up(f"MODE={mode} needs PERCENT=<0 to 100>.")
    if mode not in WITH_PERCENT and percent:
        give_up(f"MODE={mode} takes no PERCENT: it is all of them, or none.")
    if not why:
        give_up(f'Say why: make route ROUTE={route} MODE={mode} … WHY="…". It is written into the audit.')
    return {"mode": mode, "why": why} | ({"percent": int(percent)} if percent else {})


def path(route: str) -> str:
    """The route of one route."""
    return f"/ops/routes/{urllib.parse.quote(route, safe='')}"


def followed(where: Stage, route: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Wait until readers' requests follow the order; the route then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = call(where, "GET", path(route))
        if now["revision"] != wanted["revision"]:
            give_up(f"Somebody else steers too: {route} is to be {named(now)} now. {now['by']}: {now['why']}")
        if now["inForce"] == {"mode": now["mode"], "percent": now["percent"]}:
            # The last function that read before does so again.
            time.sleep(FOLLOWED_SECONDS)
            return now
        if time.monotonic() > deadline:
            give_up(
                f"The record says {named(now)}, and requests still follow {named(now['inForce'])}. "
                "Look at the log of route-projector; it tries again by itself."
            )
        time.sleep(0.5)


def named(steering: dict[str, Any]) -> str:
    """A mode, with its percentage where it has one."""
    return steering["mode"] + (f" {steering['percent']} %" if steering["mode"] in WITH_PERCENT else "")


def show(where: Stage, one: dict[str, Any]) -> None:
    """All that a person needs to know about a route."""
    line("route", f"{one['route']}: {named(one)} - {MEANINGS[one['mode']].format(percent=one['percent'])}")
    if one["since"] is None:
        line("since", "ever; nobody has steered it")
    else:
        line("since", moment(one["since"]))
        line("by", f"{one['by']}: {one['why']}")
    if one["inForce"] != {"mode": one["mode"], "percent": one["percent"]}:
        line("in force", f"{named(one['inForce'])}; requests follow within a minute")
    for name, text in lately(where, one["route"]):
        line(name, text)
    for entry in one["audit"][:AUDIT_LINES]:
        line("audit", f"{moment(entry['at'])} {entry['by']}: {named(entry)}: {entry['why']}")


def lately(where: Stage, route: str) -> list[tuple[str, str]]:
    """Each side's share and what shadow found in the last minutes, as far as CloudWatch says."""
    names = {
        "monolith": ("RouteRequests", {"Side": "monolith"}),
        "modern": ("RouteRequests", {"Side": "modern"}),
        "failures": ("ModernFailures", {}),
        "lost": ("ShadowLost", {}),
        "sent": ("ShadowSent", {}),
        "sending": ("ShadowSendTime", {}),
        **{f"r_{result}": ("ShadowCompared", {"Result": result}) for result in ("match", *DIFFERENCES)},
    }
    try:
        counts = sums(where, route, names)
    except (BotoCoreError, ClientError) as error:
        return [("lately", f"not available: {error}")]
    told = []
    answered = counts["monolith"] + counts["modern"]
    if answered:
        share = 100 * counts["modern"] / answered
        text = f"{answered:.0f} requests through the splitter, {share:.1f} % by the new service"
        told.append(("lately", f"{text}, {counts['failures']:.0f} failures of it"))
    differing = {result: counts[f"r_{result}"] for result in DIFFERENCES if counts[f"r_{result}"]}
    compared = counts["r_match"] + sum(differing.values())
    if compared:
        kinds = ", ".join(f"{count:.0f} {result}" for result, count in differing.items())
        text = f"{compared:.0f} compared, {sum(differing.values()):.0f} differ"
        told.append(("shadow", f"{text}: {kinds}" if kinds else text))
    if counts["sent"]:
        told.append(
            ("shadow", f"sending added {counts['sending'] / counts['sent']:.1f} ms to a reader's wait, on average")
        )
    if counts["lost"]:
        told.append(("shadow", f"{counts['lost']:.0f} could not be sent to be compared"))
    return told or [("lately", f"no request through the splitter in the last {WINDOW_MINUTES} minutes")]


def sums(where: Stage, route: str, names: dict[str, tuple[str, dict[str, str]]]) -> dict[str, float]:
    """The sum of each metric over the window; nothing counted is zero."""
    end = datetime.datetime.now(datetime.UTC)
    queries = [
        {
            "Id": key,
            "MetricStat": {
                "Metric": {
                    "Namespace": where.prefix,
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": name, "Value": value}
                        for name, value in {"Stage": where.name, "Route": route, **dimensions}.items()
                    ],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for key, (metric, dimensions) in names.items()
    ]
    answer = where.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=end - datetime.timedelta(minutes=WINDOW_MINUTES), EndTime=end
    )
    found = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
    return {key: found.get(key, 0.0) for key in names}


def line(name: str, text: str) -> None:
    """One line of the table."""
    print(f"{name:<12}{text}")


if __name__ == "__main__":
    sys.exit(main())
