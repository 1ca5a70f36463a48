"""The story: search and articles leave the monolith, and no reader notices but for the better.

Steering, reconciling and the bad deploy's end are the operators' own tools and the platform's own doing; at the end the
proof from both stores and from the routes' records.
"""

import itertools
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import client, deploy
from machine.client import Customer
from machine.failure import Failure
from machine.progress import phase, say
from tour import front, migration, operators
from tour.desk import Desk
from tour.front import SIDES, Found
from tour.waiting import until

QUESTIONS = ("glacier", "image of a black hole", "quantum computer", "antibiotic", "coral bleaching", "battery fires")
TYPO = "antikithera mecanism"
CANARY_PERCENT = 25
VISITORS = 40
"""So many with their cookies spread evenly over the hundred buckets; each comes twice."""
RELEASE_PERCENT = 50
"""How many readers try a new version first."""
ROUTES = ("search", "articles")
DIFFERENCES = {
    "failed": "the new service gave no answer",
    "status": "another status",
    "articles": "other articles",
    "order": "the same articles in another order",
    "fields": "the same articles, something about them differs",
    "body": "something in the body",
}


def tell(stack: dict[str, Any]) -> bool:
    """Tell the story; true when every promise was kept."""
    old = _today(stack)
    _migrate(stack)
    _shadow(stack, old)
    is_sticky = _canary(stack)
    _modern(stack, old)
    _publish(stack)
    statuses = _bad_deploy(stack)
    return _prove(
        stack,
        {
            "a canary's visitor stays on one side": is_sticky,
            "every reader had an answer during the bad deploy": set(statuses) == {200},
        },
    )


def _today(stack: dict[str, Any]) -> dict[str, Found]:
    """What readers have: a slow search that knows yesterday. What it finds, for each question."""
    say()
    say("The search in the monolith")
    with phase(f"readers ask {len(QUESTIONS)} questions, each {front.ASKED} times"):
        found = {text: front.timed(stack, text) for text in (*QUESTIONS, TYPO)}
    for text, one in found.items():
        say(_line(text, [one]))
    with phase("Mara joins the contributors and publishes an article at her desk"):
        key = Desk(stack["front"], "Mara").publish(
            headline="Lichens survive a year outside the station",
            teaser="Half fungus, half alga, and at home in the vacuum.",
            body_text="Thalli of *Xanthoria* went round the Earth 5,800 times. Back in water, most of them breathe.",
            author_name="Mara Lindqvist",
            topics="biology, space",
        )
    lichens = "lichens vacuum"
    with phase("she searches for it at once"):
        is_known = key in front.search(stack, lichens).ids
    say("    found: the batch job happened to run" if is_known else "    not found: the batch job has not run since")
    with phase("operators start the batch job, which runs once a minute"):
        token = Path(stack["standIns"]["monolith"]["tokenFile"]).read_text().strip()
        url = f"{stack['standIns']['monolith']['url']}/admin/rebuild-search"
        answer = client.call("POST", url, headers={"Authorization": f"Bearer {token}"})
        client.expect(answer, 200, "POST /admin/rebuild-search")
    with phase("now it is found") as note:
        until(lambda: key in front.search(stack, lichens).ids, lambda: _hits(stack, lichens), note)
    return found


def _hits(stack: dict[str, Any], text: str) -> str:
    """How much a search finds now."""
    return _counted(front.search(stack, text).total)


def _counted(hits: int) -> str:
    return "1 hit" if hits == 1 else f"{hits} hits"


def _migrate(stack: dict[str, Any]) -> None:
    """Every article into the new store and its search, while the monolith answers."""
    say()
    say("The articles are copied")
    with phase("the monolith's tables are exported as DMS does: a full load, then changes"):
        exported = migration.export(stack, "both")
    with phase("the import reads them") as note:
        _import(stack, exported, note)
    with phase("both sides are reconciled"):
        agree, lines = operators.reconcile()
    _quote(lines)
    if not agree:
        raise Failure("The two sides should agree after the import.")
    published = operators.published(lines)
    with phase(f"the new search hears of all {published} published articles") as note:
        until(
            lambda: front.findable(stack) >= published,
            lambda: f"{front.findable(stack)} of {published} can be found",
            note,
        )


def _import(stack: dict[str, Any], exported: int, note: Any) -> dict[str, int]:
    """Wait until all files were read; what became of their rows."""
    state = migration.imported(stack)

    def is_done() -> bool:
        nonlocal state
        state = migration.imported(stack)
        return state[0]

    until(is_done, lambda: f"{sum(state[1].values())} of {exported} rows", note)
    return state[1]


def _shadow(stack: dict[str, Any], old: Mapping[str, Found]) -> None:
    """The new services are asked what readers ask, and nobody sees it."""
    say()
    say("Shadow: the monolith answers, and its answers are compared")
    articles = list(dict.fromkeys(itertools.chain.from_iterable(one.ids[:2] for one in old.values())))
    asked = {
        "search": [front.question(text) for text in (*QUESTIONS, TYPO)],
        "articles": [f"/articles/{key}" for key in articles],
    }
    for route, paths in asked.items():
        with phase(f"the route {route} is steered to shadow, 100 %"):
            operators.steer(route, "shadow", "compare before anybody sees it", 100)
        before = operators.compared(operators.shown(route))
        with phase(f"{len(paths)} requests are compared") as note:
            for path in paths:
                client.expect(front.get(stack, path), 200, f"GET {path}")
            _until_compared(route, before, len(paths), note)
        _quote([line for line in operators.shown(route) if line.startswith("shadow")])
        samples = operators.mismatches(stack, route)
        if samples:
            _quote([_sample(samples[0])])


def _until_compared(route: str, before: int, asked: int, note: Any) -> None:
    done = 0

    def is_done() -> bool:
        nonlocal done
        done = operators.compared(operators.shown(route)) - before
        return done >= asked

    until(is_done, lambda: f"{done} of {asked}", note)


def _sample(sample: Mapping[str, Any]) -> str:
    """One mismatch, as a person reads it."""
    request = urllib.parse.unquote_plus(sample["request"])
    difference = DIFFERENCES.get(sample["difference"], sample["difference"])
    return f"a sample     {request}: {difference}"


def _canary(stack: dict[str, Any]) -> bool:
    """A part of the visitors; true when each of them stayed on one side."""
    say()
    say("Canary: the new search answers a part of the visitors")
    with phase(f"the route search is steered to canary, {CANARY_PERCENT} %"):
        operators.steer("search", "canary", "the first readers", CANARY_PERCENT)
    buckets = [100 * visitor // VISITORS for visitor in range(VISITORS)]
    with phase(f"{VISITORS} visitors search, twice"):
        first, second = ([_side(stack, bucket) for bucket in buckets] for _ in range(2))
    sides = Counter(first)
    stayed = sum(one == other for one, other in zip(first, second, strict=True))
    told = ", ".join(f"{count} by {SIDES[side]}" for side, count in sorted(sides.items()))
    say(f"    answered: {told}; {stayed} of {VISITORS} by the same side both times")
    return first == second and len(sides) == 2


def _side(stack: dict[str, Any], bucket: int) -> str:
    """Who answers this visitor."""
    answer = front.get(stack, front.question(QUESTIONS[bucket % len(QUESTIONS)]), bucket)
    client.expect(answer, 200, "GET /search")
    return answer.headers["x-served-by"]


def _modern(stack: dict[str, Any], old: Mapping[str, Found]) -> None:
    """The same questions, answered by the new search."""
    say()
    say("Modern: the new search answers everybody")
    with phase("the route search is steered to modern"):
        operators.steer("search", "modern", "the canary's readers are well")
    with phase(f"the same {len(QUESTIONS)} questions, and one that is misspelt"):
        new = {text: front.timed(stack, text) for text in old}
    for text, one in new.items():
        say(_line(text, [old[text], one]))
    if not new[TYPO].total:
        raise Failure(f"The new search should find something for “{TYPO}”.")


def _publish(stack: dict[str, Any]) -> None:
    """A contributor writes in the new service; the search hears of it, and so does the monolith."""
    say()
    say("The new service writes")
    with phase("the route articles is steered to modern"):
        operators.steer("articles", "modern", "reconciled; the new service writes")
    contributor = stack["contributors"][0]
    with phase(f"{contributor['email']} signs in and publishes an article"):
        author = Customer.sign_in(stack, **contributor)
        key = front.publish(
            stack,
            author,
            {
                "title": "Tardigrades sleep through another moon shot",
                "summary": "Dried, frozen and fired at sand, they wake up if the landing is soft enough.",
                "markdown": "A *tun* withstands almost everything, but not a crash at a kilometre a second.",
                "byline": "Marie Okonkwo",
                "tags": ["biology", "space"],
                "premium": False,
                "status": "published",
            },
        )
    with phase("a search finds it; nobody started a batch job") as note:
        tardigrades = "tardigrades moon shot"
        until(lambda: key in front.search(stack, tardigrades).ids, lambda: _hits(stack, tardigrades), note)
    with phase("the monolith's store is fed with it") as note:
        until(lambda: bool(migration.changed_by(stack, key)), lambda: _stored(stack, key), note)


def _stored(stack: dict[str, Any], key: str) -> str:
    who = migration.changed_by(stack, key)
    return f"{key}, changed by {who}" if who else "not there yet"


def _bad_deploy(stack: dict[str, Any]) -> Counter[int]:
    """A version that cannot start, tried by a part of the readers: the route goes back by itself. How readers fared."""
    say()
    say("A bad deploy")
    with phase(f"half of the readers are to try the next version first: canary, {RELEASE_PERCENT} %"):
        operators.steer("search", "canary", "half of the readers try the next version", RELEASE_PERCENT)
    statuses: Counter[int] = Counter()
    buckets = itertools.cycle([0, 99])

    def is_back() -> bool:
        for bucket in itertools.islice(buckets, 2):
            statuses[front.get(stack, front.question(QUESTIONS[0]), bucket).status] += 1
        return operators.record(stack, "search")["mode"] == "monolith"

    with _broken(stack, "search-api"):
        with phase("readers search; the alarm rings, the route goes back to the monolith") as note:
            until(is_back, lambda: f"{statuses.total()} searches, {statuses[200]} answered", note)
        record = operators.record(stack, "search")
        say(f"    by {record['by']}: “{record['why']}”")
        with phase("a search is the monolith's again") as note:
            until(lambda: _side(stack, 0) == "monolith", lambda: f"answered by {SIDES[_side(stack, 0)]}", note)
    with phase("the deploy is repaired, the alarm is quiet") as note:
        until(lambda: operators.alarm(stack, "search") == "OK", lambda: operators.alarm(stack, "search"), note)
    with phase("the route search is steered to modern again"):
        operators.steer("search", "modern", "the deploy is repaired")
    say(f"    answered: {SIDES[front.search(stack, QUESTIONS[0]).side]}")
    return statuses


@contextmanager
def _broken(stack: dict[str, Any], function: str) -> Iterator[None]:
    """A deploy after which the function cannot start, undone when the block ends."""
    functions, name = deploy.session().client("lambda", endpoint_url=stack["endpoint"]), stack["functions"][function]
    right = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    wrong = right | {"SEARCH_ENGINE": "mistyped"}
    try:
        with phase(f"{function} is deployed with a setting that it refuses"):
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": wrong})
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": right})


def _prove(stack: dict[str, Any], promises: dict[str, bool]) -> bool:
    """Print what both stores and the routes' records say; true when no promise is broken."""
    say()
    say("The proof, from both stores and the routes' records")
    with phase("what was fed back comes by DMS once more, and is known") as note:
        before = sum(migration.imported(stack)[1].values())
        tally = _import(stack, before + migration.export(stack, "changes"), note)
    say(f"    {tally['applied']} rows were news, {tally['echoes']} the service's own, {tally['poison']} unreadable")
    with phase("both sides are reconciled"):
        agree, lines = operators.reconcile()
    _quote(lines)
    for route in ROUTES:
        _quote(operators.shown(route))
    promises |= {"both sides agree on every article": agree}
    for promise, is_kept in promises.items():
        say(f"    {promise}: {'yes' if is_kept else 'NO'}")
    kept = all(promises.values())
    say("  ✓ every promise was kept" if kept else "  ✗ A PROMISE WAS BROKEN")
    return kept


def _line(text: str, found: list[Found]) -> str:
    """One question, and for each side how long it took, how much it found and what comes first."""
    sides = "  ".join(f"{SIDES[one.side]} {one.millis:>5.0f} ms {_counted(one.total):>9}" for one in found)
    first = f"  {found[-1].first}" if len(found) > 1 else ""
    return f"    {'“' + text + '”':<24} {sides}{first}"


def _quote(lines: list[str]) -> None:
    for line in lines:
        say(f"    {line}")
