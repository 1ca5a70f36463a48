"""The platform's façade as its readers and writers know it, and the hand that steers its routes."""

import json
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from machine import client as http
from machine.client import Answer, Customer
from support.platform import Platform, plain
from support.strangled import KEPT_SECONDS, Reply, ask
from support.waiting import until


class Front:
    """The façade of one deployed stage."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.url = platform.stack["front"]
        self.monolith = platform.stack["standIns"]["monolith"]["url"]

    # ---- readers ----------------------------------------------------------------------------------------------------
    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """A request exactly as it is written; underscores in names of headers are hyphens."""
        return ask(self.url, method, path, {name.replace("_", "-"): value for name, value in headers.items()})

    def search(self, text: str = "", **parameters: str) -> dict[str, Any]:
        """An answer of the search."""
        query = urllib.parse.urlencode({"q": text} | parameters)
        reply = self.ask(f"/search?{query}", accept="application/json")
        assert reply.status == 200, reply
        return reply.json

    def found(self, text: str, **parameters: str) -> list[str]:
        """The ids of a search's first page."""
        return [hit["id"] for hit in self.search(text, **parameters)["hits"]]

    def pages(self, path: str, field: str) -> Iterator[dict[str, Any]]:
        """All that is listed under a path, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""
            reply = self.ask(path + more, accept="application/json")
            assert reply.status == 200, reply
            yield from reply.json[field]
            cursor = reply.json.get("next")

    # ---- writers ----------------------------------------------------------------------------------------------------
    def call(self, method: str, path: str, who: Customer | None, body: Any = None, **headers: str) -> Answer:
        """A request with a token, or without one."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        token = {"Authorization": f"Bearer {who.token}"} if who else {}
        return http.call(method, self.url + path, body, {"Accept": "application/json"} | token | named)

    def publish(self, author: Customer, **fields: Any) -> dict[str, Any]:
        """A new article of the author's; what the service says of it."""
        answer = self.call("POST", "/articles", author, article(**fields))
        return http.expect(answer, 201, "POST /articles")

    # ---- steering ---------------------------------------------------------------------------------------------------
    def route(self, name: str) -> dict[str, Any]:
        """What operators are told of a route."""
        return http.expect(self.platform.operate("GET", f"/ops/routes/{name}"), 200, "GET /ops/routes")

    def steer(self, name: str, mode: str, percent: int | None = None) -> None:
        """A person's order; returns when every request follows."""
        order = {"mode": mode, "why": "a test says so"} | ({} if percent is None else {"percent": percent})
        http.expect(self.platform.operate("POST", f"/ops/routes/{name}", order), 200, "POST /ops/routes")
        self.follows(name, mode)

    def follows(self, name: str, mode: str) -> None:
        """Wait until the route is in this mode, and no function remembers another one."""
        until(lambda: self.route(name)["mode"] == self.route(name)["inForce"]["mode"] == mode, what=f"{name}: {mode}")
        time.sleep(KEPT_SECONDS)

    @contextmanager
    def steered(self, mode: str, percent: int | None = None, *routes: str) -> Iterator[None]:
        """Routes in this mode while the body runs, and the monolith's again afterwards."""
        for name in routes:
            self.steer(name, mode, percent)
        try:
            yield
        finally:
            for name in routes:
                self.steer(name, "monolith")

    # ---- what is stored ---------------------------------------------------------------------------------------------
    def stored(self, key: str) -> dict[str, Any]:
        """An article's item; empty where there is none."""
        return self.platform.item("articles", f"ARTICLE#{key}", "ARTICLE")

    def published(self) -> dict[str, int]:
        """The versions of all articles that readers may find, as the table has them."""
        scan = self.platform.aws("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=self.platform.stack["tables"]["articles"], ConsistentRead=True)
        items = [item for page in pages for item in page["Items"] if item["sk"]["S"] == "ARTICLE"]
        found = [item for item in items if plain(item["status"]) == "published"]
        return {plain(item["id"]): plain(item["version"]) for item in found}


def article(**fields: Any) -> dict[str, Any]:
    """What a writer sends."""
    return {
        "title": f"A note on ice {uuid.uuid4().hex[:8]}",
        "summary": "What the bubbles say.",
        "markdown": "The *old* air.",
        "byline": "Ada Writes",
        "tags": ["ice"],
        "premium": False,
        "status": "published",
    } | fields


def text_of(reply: Reply) -> str:
    """A body as text."""
    return reply.body.decode()


def problem(answer: Reply | Answer) -> tuple[int, str]:
    """Status and detail of an answer that must be a problem."""
    kind = answer.headers.get("content-type")
    assert kind == "application/problem+json", answer
    body = answer.body if isinstance(answer.body, dict) else json.loads(answer.body)
    return answer.status, body["detail"]
