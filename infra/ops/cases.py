"""What a person must decide: list the open cases, read one, or decide it.

    make ops CASES=list
    make ops CASE=<id>
    make ops CASE=<id> ACTION=retry|refund|close WHY="why I decided so"

The calls are signed with the caller's AWS credentials (SigV4); the API writes who it was into the case.
"""

import json
import os
import sys
import urllib.parse
from typing import Any

import stage
from api import call, decision, moment
from stage import give_up

ACTIONS = ("retry", "refund", "close")


def main() -> None:
    """Do what the variables ask for."""
    case, action, why = (os.environ.get(variable, "").strip() for variable in ("CASE", "ACTION", "WHY"))
    if not case:
        if os.environ.get("CASES") != "list":
            give_up('Say what to do: CASES=list, CASE=<id>, or CASE=<id> ACTION=retry|refund|close WHY="…".')
        show_list(call(stage.from_env(), "GET", "/ops/cases?limit=100")["cases"])
    elif not action:
        show(call(stage.from_env(), "GET", path(case)))
    else:
        order = decision(action, why, ACTIONS, f"make ops CASE={case}")
        show(call(stage.from_env(), "POST", path(case), order))


def path(case: str) -> str:
    """The route of one case."""
    return f"/ops/cases/{urllib.parse.quote(case, safe='')}"


def show_list(cases: list[dict[str, Any]]) -> None:
    """One line a case, the oldest first."""
    if not cases:
        print("No case is open.")
    for case in cases:
        print(f"{case['id']}  {moment(case['openedAt'])}  {case['kind']}: {case['why']}")


def show(case: dict[str, Any]) -> None:
    """All that a person needs to decide, and what was decided."""
    print(f"case      {case['id']} ({'open' if case['open'] else 'resolved: ' + str(case.get('resolution', ''))})")
    print(f"opened    {moment(case['openedAt'])}")
    print(f"customer  {case['customer']}")
    print(f"intent    {case['intentId']} (key {case['key']})")
    print(f"why       {case['kind']}: {case['why']}")
    for name, value in case.get("evidence", {}).items():
        print(f"evidence  {name}: {value if isinstance(value, str) else json.dumps(value)}")
    for entry in case.get("audit", []):
        print(f"audit     {moment(entry['at'])} {entry['by']}: {entry['action']}: {entry['why']}")


if __name__ == "__main__":
    sys.exit(main())
