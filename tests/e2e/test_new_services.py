"""Articles and search behind the façade: who may do what, what is published is found, and garbage harms nobody."""

import json
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from machine import client as http
from machine import settings
from machine.client import Customer
from support.front import Front, article, problem, text_of
from support.platform import Platform
from support.readers import readers, subscribe
from support.waiting import until


@pytest.fixture(scope="module")
def front(platform: Platform) -> Iterator[Front]:
    """The façade, with both routes at the new services."""
    front = Front(platform)
    with front.steered("modern", None, "articles", "search"):
        yield front


@pytest.fixture(scope="module")
def ada(platform: Platform) -> Customer:
    """Who writes."""
    return readers(platform, 1, "contributors")[0]


@pytest.fixture(scope="module")
def bob(platform: Platform) -> Customer:
    """Who writes too."""
    return readers(platform, 1, "contributors")[0]


@pytest.fixture(scope="module")
def eve(platform: Platform) -> Customer:
    """Who changes everybody's."""
    return readers(platform, 1, "editors")[0]


@pytest.fixture(scope="module")
def rita(platform: Platform) -> Customer:
    """Who reads."""
    return readers(platform, 1)[0]


def word() -> str:
    """A word that no other article has; letters alone, as a search takes them for one word."""
    return "w" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:12])


# ---- From writing to searching --------------------------------------------------------------------------------------


def test_what_is_published_is_found_and_what_is_withdrawn_is_not(front: Front, ada: Customer) -> None:
    rare = word()
    told = front.publish(ada, markdown=f"Nobody wrote *{rare}* before.")
    path = f"/articles/{told['id']}"
    until(lambda: front.found(rare) == [told["id"]], what="a published article in the search")
    hit = front.search(rare)["hits"][0]
    assert (hit["title"], hit["author"]) == (told["title"], ada.sub)
    assert hit["highlights"]["body"] == [f"Nobody wrote <em>{rare}</em> before."]

    other = word()
    change = article(title=told["title"], markdown=f"Now it is {other}.")
    http.expect(front.call("PUT", path, ada, change, If_Match='"1"'), 200, "PUT")
    until(lambda: front.found(other) == [told["id"]], what="a changed article in the search")
    assert front.found(rare) == []

    http.expect(front.call("DELETE", path, ada, If_Match='"2"'), 204, "DELETE")
    until(lambda: front.found(other) == [], what="a search without the withdrawn article")
    assert problem(front.ask(path))[0] == 410


def test_a_draft_is_nobodys_but_its_authors_and_editors(
    front: Front, ada: Customer, bob: Customer, eve: Customer, rita: Customer
) -> None:
    draft = front.publish(ada, status="draft")
    path = f"/articles/{draft['id']}/premium"
    seen = {who.sub: front.call("GET", path, who).status for who in (ada, bob, eve, rita)}
    assert seen == {ada.sub: 200, bob.sub: 404, eve.sub: 200, rita.sub: 404}
    assert front.ask(f"/articles/{draft['id']}").status == 404


def test_the_monolith_is_fed_with_what_is_written_here(front: Front, ada: Customer) -> None:
    told = front.publish(ada, title="Fed back")
    database = front.platform.stack["standIns"]["monolith"]["database"]

    def row() -> tuple | None:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)
        try:
            sql = "SELECT headline, body_text, author_code, state, chg_by FROM article WHERE art_key = ?"
            return connection.execute(sql, [told["id"]]).fetchone()
        finally:
            connection.close()

    assert until(row, what="the article in the monolith's store") == (
        *("Fed back", "The *old* air.", ada.sub, "P", "articles-service"),
    )


def test_lists_show_what_is_published_newest_first_each_once(front: Front, ada: Customer) -> None:
    tag = word()
    ids = [front.publish(ada, tags=[tag])["id"] for _ in range(5)]
    hidden = front.publish(ada, tags=[tag], status="draft")["id"]
    listed = [one["id"] for one in front.pages(f"/articles?tag={tag}&limit=2", "articles")]
    assert listed == ids[::-1]
    assert hidden not in listed


def test_two_writers_of_one_version_are_told_apart(front: Front, ada: Customer, eve: Customer) -> None:
    told = front.publish(ada)
    path = f"/articles/{told['id']}"
    assert problem(front.call("PUT", path, ada, article()))[0] == 428
    first = front.call("PUT", path, eve, article(title="Eve's"), If_Match='"1"')
    assert (first.status, first.headers["etag"]) == (200, '"2"')
    assert problem(front.call("PUT", path, ada, article(title="Ada's"), If_Match='"1"'))[0] == 412
    assert front.ask(path).json["title"] == "Eve's"
    unchanged = front.ask(path, If_None_Match='"2"')
    assert (unchanged.status, unchanged.body) == (304, b"")


# ---- Who may do what ------------------------------------------------------------------------------------------------


def test_only_author_and_editors_change_an_article(
    front: Front, ada: Customer, bob: Customer, eve: Customer, rita: Customer
) -> None:
    told = front.publish(ada)
    path = f"/articles/{told['id']}"
    for who, expected in ((None, 401), (bob, 403), (rita, 403)):
        assert problem(front.call("PUT", path, who, article(), If_Match='"1"'))[0] == expected
        assert problem(front.call("DELETE", path, who, If_Match='"1"'))[0] == expected
    assert front.ask(path).headers["etag"] == '"1"', "nobody changed it"
    assert problem(front.call("POST", "/articles", None, article()))[0] == 401
    assert problem(front.call("POST", "/articles", rita, article()))[0] == 403
    assert front.call("PUT", path, eve, article(), If_Match='"1"').status == 200
    assert front.call("DELETE", path, ada, If_Match='"2"').status == 204


def test_premium_bodies_are_for_who_is_entitled(front: Front, ada: Customer, bob: Customer, rita: Customer) -> None:
    secret = word()
    told = front.publish(ada, premium=True, markdown=f"Only for subscribers: {secret}.")
    path = f"/articles/{told['id']}"
    assert secret not in text_of(front.ask(path))
    assert problem(front.ask(f"{path}/premium"))[0] == 401
    for who in (bob, rita):
        assert problem(front.call("GET", f"{path}/premium", who))[0] == 402
    [paul] = readers(front.platform, 1)
    [wish] = subscribe([(paul, "pm_cardVisa4242")])
    front.platform.comes_to(wish, "active")
    for who in (ada, paul):
        answer = front.call("GET", f"{path}/premium", who)
        assert answer.status == 200 and secret in answer.body["html"], who
        assert "private" in answer.headers["cache-control"]


def test_markdown_acts_in_no_browser(front: Front, ada: Customer) -> None:
    evil = "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n[a](javascript:alert(1))\n\n**fine**"
    told = front.publish(ada, title="<script>alert(2)</script>", markdown=evil)
    html = front.ask(f"/articles/{told['id']}").json["html"]
    assert "<strong>fine</strong>" in html
    assert all(bad not in html for bad in ("<script", "onerror", "javascript:"))


# ---- What nobody should send ----------------------------------------------------------------------------------------

LONG = "a" * 10_240
GARBAGE = {
    "ten kilobytes": f"/search?q={LONG}",
    "many words": "/search?q=" + "a+" * 200,
    "NUL": "/search?q=a%00b",
    "no UTF-8": "/search?q=%ff%fe",
    "a control character": "/search?q=%0A",
    "two questions": "/search?q=a&q=b",
    "no tag": "/search?tag=A",
    "no date": "/search?from=soon",
    "no order": "/search?sort=price",
    "deep": "/search?limit=1000",
    "negative": "/search?limit=-1",
    "a forged cursor": "/search?q=ice&cursor=AAAA",
    "a long cursor": f"/search?cursor={LONG[:4000]}",
    "no beginning": "/search/suggest",
    "a list's forged cursor": "/articles?cursor=AAAA",
    "a list's limit": "/articles?limit=0",
    "a list's NUL": "/articles?tag=%00",
}


@pytest.mark.parametrize("path", GARBAGE.values(), ids=GARBAGE)
def test_what_cannot_be_asked_is_a_clear_400(front: Front, path: str) -> None:
    status, detail = problem(front.ask(path))
    assert (status, LONG[:200] in detail) == (400, False)
    assert len(detail) > 10


@pytest.mark.parametrize("text", ["(a+)+$", "(.*)*x", '"', "a AND (", "title:*", "{", "\\", "%27 OR 1=1", "*"])
def test_the_syntax_of_other_searches_is_only_text(front: Front, text: str) -> None:
    assert front.search(text)["total"] >= 0


@pytest.mark.parametrize("id_", ["%00", "%ff", "A", "a--b", "..%2f..%2fetc", "a" * 200, "%3Cscript%3E"])
def test_a_name_that_is_none_is_no_article(front: Front, id_: str) -> None:
    assert problem(front.ask(f"/articles/{id_}"))[0] in (400, 404)


def test_a_cursor_is_good_for_its_question_alone(front: Front, ada: Customer) -> None:
    tag = word()
    for _ in range(2):
        front.publish(ada, tags=[tag])
    first = front.ask(f"/articles?tag={tag}&limit=1").json
    assert front.ask(f"/articles?tag={tag}&limit=1&cursor={first['next']}").status == 200
    for other in (f"/articles?tag=ice&cursor={first['next']}", f"/search?tag={tag}&cursor={first['next']}"):
        assert problem(front.ask(other))[0] == 400
    until(lambda: front.search(tag=tag)["total"] == 2, what="two articles in the search")
    found = front.search(tag=tag, limit="1")
    assert front.ask(f"/search?q=&tag={tag}&limit=1&cursor={found['next']}").status == 200
    assert problem(front.ask(f"/search?q=ice&tag={tag}&limit=1&cursor={found['next']}"))[0] == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"title": 1}', b'{"title":"a","x":1}', b"\xff\xfe"])
def test_an_article_that_is_none_is_a_clear_400(front: Front, ada: Customer, body: bytes) -> None:
    assert problem(front.call("POST", "/articles", ada, body))[0] == 400


# ---- The index follows the store ------------------------------------------------------------------------------------


def test_events_that_come_twice_late_and_in_any_order_end_in_the_stores_state(front: Front, ada: Customer) -> None:
    rare, platform = word(), front.platform
    told = front.publish(ada, markdown=f"One {rare}.")
    path = f"/articles/{told['id']}"
    for version in (1, 2, 3):
        change = article(title=f"Version {version + 1}", markdown=f"{rare} again.")
        http.expect(front.call("PUT", path, ada, change, If_Match=f'"{version}"'), 200, "PUT")
    until(lambda: [hit["title"] for hit in front.search(rare)["hits"]] == ["Version 4"], what="the last version")
    for version in (3, 1, 4, 2, 1, 4):
        platform.send(event(told["id"], version), "searchIndex")
    # One more article behind them says that all have been handled.
    last = front.publish(ada, markdown=f"Two {rare}.")
    until(lambda: len(front.found(rare)) == 2, what="the events behind")
    assert {hit["id"]: hit["title"] for hit in front.search(rare)["hits"]} == {
        told["id"]: "Version 4",
        last["id"]: last["title"],
    }


def test_what_is_no_event_is_parked_with_its_reason_and_the_rest_goes_on(front: Front, ada: Customer) -> None:
    rare = word()
    front.platform.send(json.dumps({"poison": rare}), "searchIndex")
    front.publish(ada, markdown=rare)
    letter = front.platform.dead_letter("searchIndexDlq", rare)
    assert letter["MessageAttributes"]["reason"]["StringValue"]
    until(lambda: front.found(rare), what="the article behind the poison")


def test_an_event_that_was_lost_and_redriven_is_no_loss(front: Front, ada: Customer) -> None:
    """As an operator redrives a dead-letter queue: the article is long another one by then."""
    rare, platform = word(), front.platform
    mappings = platform.aws("lambda").list_event_source_mappings(
        FunctionName=platform.stack["functions"]["search-indexer"]
    )["EventSourceMappings"]
    uuid_ = mappings[0]["UUID"]
    platform.aws("lambda").update_event_source_mapping(UUID=uuid_, Enabled=False)
    try:
        told = front.publish(ada, title="Lost", markdown=rare)
        lost = platform.received(platform.stack["queues"]["searchIndex"])
        assert told["id"] in lost
    finally:
        platform.aws("lambda").update_event_source_mapping(UUID=uuid_, Enabled=True)
    change = article(title="Found", markdown=f"{rare} {rare}")
    http.expect(front.call("PUT", f"/articles/{told['id']}", ada, change, If_Match='"1"'), 200, "PUT")
    until(lambda: front.found(rare) == [told["id"]], what="the second version")
    platform.send(lost, "searchIndex")
    last = front.publish(ada, markdown=f"Behind {rare}.")
    until(lambda: last["id"] in front.found(rare), what="the events behind")
    assert {hit["title"] for hit in front.search(rare)["hits"]} == {"Found", last["title"]}


def test_an_index_is_rebuilt_while_readers_search(front: Front, ada: Customer) -> None:
    rare = word()
    ids = {front.publish(ada, markdown=rare)["id"] for _ in range(3)}
    until(lambda: set(front.found(rare)) == ids, what="three articles")
    rebuilding = subprocess.Popen(
        [sys.executable, str(settings.ROOT / "infra" / "ops" / "reindex.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    questions = 0
    while rebuilding.poll() is None:
        assert set(front.found(rare)) == ids
        questions += 1
    said = rebuilding.stdout.read() if rebuilding.stdout else ""
    assert (rebuilding.returncode, questions > 3) == (0, True), said
    assert "answers from now on" in said
    until(lambda: {hit["id"] for hit in all_hits(front)} == set(front.published()), what="an index like the store")
    assert set(front.found(rare)) == ids


def all_hits(front: Front) -> list[dict]:
    """All that the search has."""
    return list(front.pages("/search?q=&sort=newest&limit=50", "hits"))


def event(key: str, version: int) -> str:
    """What the bus says of a version of an article."""
    return json.dumps(
        {
            "source": "new-science.articles",
            "detail-type": "ArticleUpdated",
            "detail": {
                "eventId": f"article#{key}#{version}",
                "occurredAt": 1_700_000_000_000 + version,
                "correlationId": key,
                "version": 1,
                "data": {
                    "id": key,
                    "version": version,
                    "status": "published",
                    "title": "An old one",
                    "author": "ada",
                    "tags": [],
                    "publishedAt": 1_700_000_000_000,
                },
            },
        }
    )
