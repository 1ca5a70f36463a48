"""The façade: the monolith's site behind it is what it is without it, and its routes leave one after another."""

import json
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from support import strangled
from support.platform import Platform
from support.strangled import Reply, Strangled, ask, bucket_cookie, request_id
from support.waiting import until

EVERY_BYTE = bytes(range(256))


@pytest.fixture(scope="module")
def deployed(platform: Platform) -> Iterator[Strangled]:
    """The example, deployed once."""
    with strangled.deployed(platform) as example:
        yield example


@pytest.fixture
def facade(deployed: Strangled) -> Strangled:
    """The same, with every route at the monolith and a quiet alarm."""
    until(lambda: deployed.alarm_state() != "ALARM", seconds=90, what="a quiet alarm")
    if deployed.record().get("mode", "monolith") != "monolith":
        deployed.steer("monolith")
    return deployed


# ---- The site behind the façade -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """A request of the site's day, and what API Gateway changes about it by itself."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    asked_as: str | None = None
    """The path that the monolith sees, where it is another one."""


JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
RECORDED = [
    Recorded("GET", "/"),
    Recorded("GET", "/page"),
    Recorded("GET", "/a/b/c.html"),
    Recorded("GET", "/a%20b/%C3%BC"),
    Recorded("GET", "/~me/a,b;c=1/(x)!$&'*+:@"),
    # Decoded and encoded anew: an encoded slash is a slash afterwards.
    Recorded("GET", "/a%2Fb", asked_as="/a/b"),
    Recorded("GET", "/page?q=1&q=2&q=3"),
    Recorded("GET", "/page?q=a%26b%3Dc&x=%C3%BC%20%2B%2F"),
    # Different names keep their order where each comes together; a name without `=` gets one.
    Recorded("GET", "/page?b=1&a=2&b=3", asked_as="/page?b=1&b=3&a=2"),
    Recorded("GET", "/page?flag&empty=", asked_as="/page?flag=&empty="),
    Recorded("GET", "/page?q=a+b", asked_as="/page?q=a%20b"),
    Recorded("GET", "/page", {"accept": "text/html", "accept-language": "de", "accept-encoding": "gzip, br"}),
    Recorded("GET", "/page", {"cookie": "a=1; b=2", "authorization": "Bearer x", "referer": "/", "user-agent": "me"}),
    Recorded("GET", "/page", {"if-none-match": '"1"', "range": "bytes=0-9", "x-mine": "1"}),
    Recorded("HEAD", "/page"),
    Recorded("OPTIONS", "/page", {"origin": "https://x.y", "access-control-request-method": "PUT"}),
    Recorded("POST", "/page", JSON, b'{"a": "\xc3\xbc"}'),
    Recorded("POST", "/page", FORM, b"q=1&q=2&x=%20"),
    Recorded("POST", "/page", {"content-type": "image/png"}, EVERY_BYTE),
    Recorded("POST", "/page", {"content-type": 'multipart/form-data; boundary="x"'}, b"--x\r\n\r\n\xff\x00\r\n--x--"),
    Recorded("PUT", "/page", JSON, b""),
    Recorded("PATCH", "/page", JSON, b"[]"),
    Recorded("DELETE", "/page"),
    Recorded("GET", "/image"),
    Recorded("GET", "/image", {"accept": "text/html"}),
    Recorded("GET", "/moved"),
    Recorded("POST", "/sign-in", FORM, b"user=a"),
    Recorded("GET", "/gone"),
    Recorded("GET", "/broken"),
    # A steered route's methods that the new service does not have, and what is only like it.
    Recorded("POST", "/search", JSON, b"{}"),
    Recorded("GET", "/searching"),
    Recorded("GET", "/articles/a/comments"),
]
HOP_HEADERS = {"connection", "date", "server", "keep-alive", "content-length"}
"""Of an answer: about one connection, or made anew; `Date` and `Server` come as `x-amzn-Remapped-…`."""
ADDED_ANSWERED = {
    *("x-amzn-requestid", "x-amz-request-id", "x-amz-apigw-id", "x-amzn-trace-id"),
    *("x-amzn-remapped-date", "x-amzn-remapped-server", "x-amzn-remapped-connection"),
}
ADDED_ASKED = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-amzn-apigateway-api-id", "host"}


def said(reply: Reply) -> dict[str, list[str]]:
    """An answer's headers, without what belongs to the connection."""
    names = {name.lower() for name in reply.headers} - HOP_HEADERS - ADDED_ANSWERED
    return {name: reply.headers.get_all(name) for name in names}


def asked(reply: Reply) -> dict | None:
    """What the monolith says that it was asked; None where it says something else."""
    try:
        echo = json.loads(reply.body)
        echo["headers"] = {name: value for name, value in echo["headers"].items() if name not in ADDED_ASKED}
    except (ValueError, KeyError, TypeError):
        return None
    # API Gateway says what a client accepts, and who it is, where the client does not.
    for name, value in (("accept", "application/json"), ("user-agent", "AmazonAPIGateway")):
        if echo["headers"].get(name, "").startswith(value):
            del echo["headers"][name]
    return echo


@pytest.mark.parametrize("request_", RECORDED, ids=lambda request: f"{request.method} {request.path}")
def test_the_site_is_the_same_straight_and_through_the_facade(facade: Strangled, request_: Recorded) -> None:
    straight = ask(facade.monolith, request_.method, request_.path, request_.headers, request_.body)
    through = ask(facade.front, request_.method, request_.path, request_.headers, request_.body)
    assert (through.status, said(through)) == (straight.status, said(straight) | missing_type(straight))
    echo, expected = asked(through), asked(straight)
    if expected is None:
        assert through.body == straight.body
    else:
        assert echo == expected | {"path": request_.asked_as or request_.path}


def missing_type(straight: Reply) -> dict[str, list[str]]:
    """What API Gateway says of an answer that does not say what it is."""
    return {} if "content-type" in straight.headers else {"content-type": ["application/json"]}


def test_the_monolith_knows_who_asks(facade: Strangled) -> None:
    seen = facade.ask("/page", x_forwarded_for="10.1.2.3", x_forwarded_host="evil.example").json["headers"]
    assert seen["x-forwarded-for"].startswith("10.1.2.3, ")
    assert seen["x-forwarded-host"] == facade.front.split("/")[2]


# ---- Routes ---------------------------------------------------------------------------------------------------------


def test_a_route_is_answered_by_the_side_that_its_mode_names(facade: Strangled) -> None:
    assert facade.ask("/search?q=mars").side == "monolith"
    facade.steer("modern")
    through = facade.ask("/search?q=mars")
    assert (through.side, through.json["facets"]) == ("modern", {})
    assert facade.ask("/search", "HEAD").side == "modern"
    assert facade.ask("/page").side == "monolith", "the rest stays where it is"
    assert facade.ask("/articles").side == "monolith"
    facade.steer("monolith")
    assert facade.ask("/search?q=mars").side == "monolith"


def test_bytes_and_headers_pass_the_splitter_as_they_pass_the_facade(facade: Strangled) -> None:
    straight = asked(ask(facade.monolith, "GET", "/articles/a%20b?q=1&q=%26", {"cookie": "a=1", "x-mine": "1"}))
    through = asked(ask(facade.front, "GET", "/articles/a%20b?q=1&q=%26", {"cookie": "a=1", "x-mine": "1"}))
    assert through["path"] == straight["path"]
    assert {name: through["headers"][name] for name in ("cookie", "x-mine")} == {
        name: straight["headers"][name] for name in ("cookie", "x-mine")
    }


def test_who_writes_needs_a_token(facade: Strangled) -> None:
    for method, path in (("POST", "/articles"), ("PUT", "/articles/a"), ("DELETE", "/articles/a")):
        refused = facade.ask(path, method, b"{}")
        assert (refused.status, refused.headers["content-type"]) == (401, "application/problem+json")
    assert facade.ask("/articles/a/premium").status == 401


def test_a_canary_is_sticky_and_its_share_is_what_was_asked_for(facade: Strangled) -> None:
    facade.steer("canary", 30)
    sides = {bucket: facade.ask("/search", cookie=bucket_cookie(bucket)).side for bucket in (0, 29, 30, 99)}
    assert sides == {0: "modern", 29: "modern", 30: "monolith", 99: "monolith"}
    visitors, modern = 200, 0
    for number in range(visitors):
        address = {"x_forwarded_for": f"10.0.{number // 100}.{number % 100}"}
        first = facade.ask("/search", **address)
        cookie = first.headers["set-cookie"]
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        again = facade.ask("/search", cookie=cookie.split(";")[0], x_forwarded_for="192.0.2.1")
        assert (again.side, again.headers["set-cookie"]) == (first.side, None)
        modern += first.side == "modern"
    deviation = math.sqrt(visitors * 0.3 * 0.7)
    assert abs(modern - visitors * 0.3) <= 4 * deviation, f"{modern} of {visitors}"


@pytest.mark.parametrize("play", ["503", "broken", "slow"])
def test_a_canarys_reader_pays_nothing_for_a_service_that_fails(facade: Strangled, play: str) -> None:
    facade.steer("canary", 100)
    since = time.time()
    reply = facade.ask("/search", x_play=play)
    assert (reply.status, reply.side) == (200, "monolith")
    until(lambda: facade.counted("ModernFailures", since, Route="search") >= 1, what="a counted failure")


def test_shadow_changes_no_answer_and_finds_what_differs(facade: Strangled) -> None:
    facade.steer("shadow", 100)
    since = time.time()
    same, order = request_id(), request_id()
    straight = ask(facade.monolith, "GET", f"/search?q={same}")
    for query, play in ((same, ""), (order, "order")):
        reply = facade.ask(f"/search?q={query}", x_play=play)
        assert (reply.status, reply.body, reply.side) == (200, straight.body, "monolith")
    for result in ("match", "order"):
        counted = lambda result=result: facade.counted("ShadowCompared", since, Route="search", Result=result)  # noqa: E731
        until(lambda counted=counted: counted() >= 1, what=f"a request compared: {result}")
    sample = until(lambda: mismatch(facade, order), what="a sample of the mismatch")
    assert (sample["difference"]["S"], sample["request"]["S"]) == ("order", f"GET /search?q={order}")
    assert mismatch(facade, same) is None


def mismatch(facade: Strangled, query: str) -> dict | None:
    """The sample of a request, if it is kept."""
    items = facade.platform.aws("dynamodb").scan(TableName=facade.outputs["RoutesTableName"])["Items"]
    return next((item for item in items if query in item.get("request", {}).get("S", "")), None)


# ---- Steering -------------------------------------------------------------------------------------------------------


@contextmanager
def on_the_bus(facade: Strangled) -> Iterator[str]:
    """A queue that hears what the strangler says while the body runs: its URL."""
    events, bus, rule = facade.platform.aws("events"), facade.outputs["BusName"], f"test-{request_id()[:8]}"
    with facade.platform.queue() as (url, arn):
        pattern = json.dumps({"source": ["new-science.strangler"]})
        events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "test", "Arn": arn}])
        try:
            yield url
        finally:
            events.remove_targets(Rule=rule, EventBusName=bus, Ids=["test"])
            events.delete_rule(Name=rule, EventBusName=bus)


def test_the_bus_hears_who_steered_what_and_why(facade: Strangled) -> None:
    with on_the_bus(facade) as bus:
        record = facade.steer("canary", 5, by="ada")
        event = json.loads(facade.platform.received(bus))
    assert (event["source"], event["detail-type"]) == ("new-science.strangler", "RouteSteered")
    assert event["detail"] == {
        "eventId": f"route#search#{record['rev']}",
        "occurredAt": record["since"],
        "correlationId": "route#search",
        "version": 1,
        "data": {
            "route": "search",
            "from": {"mode": "monolith", "percent": 0},
            "to": {"mode": "canary", "percent": 5},
            "by": "ada",
            "why": "a test says so",
        },
    }


def test_a_tick_repairs_what_a_deploy_has_overwritten(facade: Strangled) -> None:
    facade.steer("modern")
    ssm, name = facade.platform.aws("ssm"), facade.outputs["RoutesParameterName"]
    ssm.put_parameter(Name=name, Value="{}", Type="String", Overwrite=True)
    facade.platform.aws("lambda").invoke(FunctionName=facade.outputs["RouteProjectorName"], Payload=b"{}")
    assert facade.parameter()["search"] == {"mode": "modern", "percent": 100}


@pytest.mark.parametrize(("mode", "percent"), [("canary", 100), ("modern", 100)])
def test_a_bad_service_is_rolled_back_by_itself_within_an_alarm_period(
    facade: Strangled, mode: str, percent: int
) -> None:
    facade.steer(mode, percent)
    with on_the_bus(facade) as bus:
        for _ in range(8):
            facade.ask("/search", x_play="broken")
        until(lambda: facade.record()["mode"] == "monolith", seconds=60, what="a route that was rolled back")
        event = json.loads(facade.platform.received(bus))
    assert (event["detail-type"], event["detail"]["data"]["by"]) == ("RouteRolledBack", "alarm")
    # One period of the alarm decided, and not the one after it.
    assert re.search(r"Threshold Crossed: .* 1 of 1 decide", event["detail"]["data"]["why"]), event
    assert event["detail"]["data"]["from"] == {"mode": mode, "percent": percent}
    facade.follows("search", "monolith", 0)
    assert facade.ask("/search", x_play="broken").side == "monolith"
