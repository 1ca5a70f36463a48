"""Rebuild the search index from the store of articles, while the former one answers and changes go on.

    make reindex

A step at a time, each an invocation of the function search-reindex. Ctrl-C leaves everything as it was, but for a draft
that the next rebuilding drops.
"""

import json
import sys
import time
from typing import Any

import stage
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from stage import Stage, give_up

ATTEMPTS = 5
"""How often a step is tried that failed for the moment."""
ENDING_SECONDS = 10
"""How long the former index stays for the questions that it is answering."""
NAMED = 20
"""So many articles that the index cannot take are named at the end."""


def main() -> None:
    """Begin, fill, swap, tidy up."""
    where = stage.from_env()
    began = time.monotonic()
    draft = step(where, {"step": "begin"})["draft"]
    say(f"the new index is {draft}; changes go to both from now on")
    articles, rejected, reasons = fill(where, draft, began)
    step(where, {"step": "swap", "draft": draft})
    say(f"{draft} answers from now on")
    time.sleep(ENDING_SECONDS)
    step(where, {"step": "dropFormer"})
    say(f"the former index is gone; {articles} articles in {time.monotonic() - began:.0f} s")
    if rejected:
        say(f"{rejected} articles are not in the index, the log of search-reindex names all of them:")
        for reason in reasons[:NAMED]:
            say(f"  {reason}")
        sys.exit(1)


def fill(where: Stage, draft: str, began: float) -> tuple[int, int, list[str]]:
    """Carry all articles over; how many, how many of them the index cannot take, and some of these."""
    articles, rejected, reasons, after = 0, 0, [], None
    while True:
        done = step(where, {"step": "fill", "draft": draft, "after": after})
        articles += done["articles"]
        rejected += done["rejected"]
        reasons += done["reasons"]
        rate = articles / max(time.monotonic() - began, 0.001)
        say(f"{articles} articles, {rate:.0f} a second")
        after = done["after"]
        if after is None:
            return articles, rejected, reasons


def step(where: Stage, request: dict[str, Any]) -> dict[str, Any]:
    """One step; tried again as long as it may succeed."""
    name, attempt = where.resource("search-reindex"), 1
    while True:
        try:
            answer = functions(where).invoke(FunctionName=name, Payload=json.dumps(request).encode())
        except (BotoCoreError, ClientError) as error:
            give_up(f"The function {name} cannot be invoked: {error}")
        done = json.load(answer["Payload"])
        if not answer.get("FunctionError"):
            return done
        why = done.get("errorMessage", "no reason is given")
        if done.get("errorType") == "Terminal" or attempt == ATTEMPTS:
            give_up(f"The rebuilding ended at the step {request['step']}: {why}. Run it again once that is mended.")
        say(f"the step {request['step']} failed for the moment: {why}")
        time.sleep(2**attempt)
        attempt += 1


def functions(where: Stage):  # noqa: ANN201 (boto3 builds its clients' classes at run time)
    """Lambda, with the patience that a step needs; a step that is still at work is not begun a second time."""
    patient = Config(read_timeout=310, retries={"total_max_attempts": 1})
    return where.session.client("lambda", endpoint_url=where.endpoint, config=patient)


def say(text: str) -> None:
    """Print one line at once, also when the output is a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
