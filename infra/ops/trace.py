"""The whole story of one intent, in order, whichever style it runs in: printed, and drawn as a page.

    make trace INTENT=<id>                  the id is in cases, events and logs
    make trace INTENT=<id> CUSTOMER=<sub>   for one that is older than the outboxes' two weeks

The page is target/trace/<id>.html: one file, to be sent to whoever asks. It holds no e-mail, no token and no means of
payment.
"""

import os
import sys
from pathlib import Path

import stage
import story
import story_page
from api import moment
from stage import give_up

PAGES = Path(__file__).resolve().parents[2] / "target" / "trace"
WIDTH = 15
"""Of the column that says who."""


def main() -> None:
    """Gather, print, draw."""
    intent = os.environ.get("INTENT", "").strip()
    if not intent:
        give_up("Say which: make trace INTENT=<id>, the 43 characters that cases, events and logs name.")
    told = story.gather(stage.from_env(), intent, os.environ.get("CUSTOMER", "").strip())
    show(told)
    PAGES.mkdir(parents=True, exist_ok=True)
    page = PAGES / f"{intent}.html"
    page.write_text(story_page.page(told), encoding="utf-8")
    print(f"\ndrawn     {page}")


def show(told: story.Story) -> None:
    """The facts, then a line for each thing that happened."""
    for name, value in told.facts.items():
        print(f"{name:<9} {value}")
    print()
    before = None
    for line in told.lines:
        day = moment(line.at)[:10]
        if day != before:
            print(day)
            before = day
        told_to = f" → {', '.join(line.to)}" if line.to else ""
        name = f"  [{line.event}{told_to}]" if line.event else ""
        print(f"  {moment(line.at)[11:19]}.{line.at % 1000:03}  {line.who:<{WIDTH}} {line.what}{name}")


if __name__ == "__main__":
    sys.exit(main())
