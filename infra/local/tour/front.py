"""The façade, as readers and contributors know it; and the function behind it, asked past the façade."""

import json
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

from machine import client, deploy
from machine.client import Answer, Customer
from machine.failure import Failure

SIDES = {"monolith": "the monolith", "modern": "the new service"}
ASKED = 5
"""A search's time is the middle one of so many."""


@dataclass(frozen=True)
class Found:
    """What a search found, who says so, and how long its reader waited."""

    side: str
    millis: float
    total: int
    ids: tuple[str, ...]
    first: str
    """The title of the first hit; empty where nothing was found."""


def get(stack: dict[str, Any], path: str, bucket: int | None = None) -> Answer:
    """A reader's request; `bucket`: of the visitor, who has the cookie."""
    cookie = {} if bucket is None else {"Cookie": f"ns_bucket={bucket}"}
    return client.call("GET", stack["front"] + path, headers={"Accept": "application/json"} | cookie)


def search(stack: dict[str, Any], text: str) -> Found:
    """One search."""
    began = time.monotonic()
    answer = get(stack, question(text))
    return found(answer, 1000 * (time.monotonic() - began))


def question(text: str) -> str:
    """Path and query of a search."""
    return f"/search?{urllib.parse.urlencode({'q': text})}"


def found(answer: Answer, millis: float) -> Found:
    """A search's answer, read."""
    body = client.expect(answer, 200, "GET /search")
    hits = body["hits"]
    ids = tuple(hit["id"] for hit in hits)
    return Found(answer.headers["x-served-by"], millis, body["total"], ids, hits[0]["title"] if hits else "")


def timed(stack: dict[str, Any], text: str) -> Found:
    """The same search several times; what it finds, and the middle one of the times."""
    several = sorted((search(stack, text) for _ in range(ASKED)), key=lambda one: one.millis)
    return several[len(several) // 2]


def publish(stack: dict[str, Any], author: Customer, article: dict[str, Any]) -> str:
    """A contributor's new article; the answer is its id."""
    headers = {"Accept": "application/json", "Authorization": f"Bearer {author.token}"}
    answer = client.call("POST", f"{stack['front']}/articles", article, headers)
    return client.expect(answer, 201, "POST /articles")["id"]


def findable(stack: dict[str, Any]) -> int:
    """How many articles the new search has. Its function is asked, whoever answers readers by now."""
    headers = {"accept": "application/json"}
    event = {
        "httpMethod": "GET",
        "path": "/search",
        "resource": "/search",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {"limit": "1"},
        "multiValueQueryStringParameters": {"limit": ["1"]},
        "requestContext": {"httpMethod": "GET", "path": "/search", "resourcePath": "/search", "stage": stack["stage"]},
        "body": None,
        "isBase64Encoded": False,
    }
    functions = deploy.session().client("lambda", endpoint_url=stack["endpoint"])
    called = functions.invoke(FunctionName=stack["functions"]["search-api"], Payload=json.dumps(event).encode())
    answer = json.load(called["Payload"])
    if answer.get("statusCode") != 200:
        raise Failure(f"search-api does not answer: {answer}")
    return json.loads(answer["body"])["total"]
