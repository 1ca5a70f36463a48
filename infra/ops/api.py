"""The operators' API: signed requests, and how its answers are shown to people."""

import datetime
import json
import urllib.error
import urllib.request
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from stage import Stage, give_up

TIMEOUT_SECONDS = 30
WHY_CHARACTERS = 500
"""What the API takes at most."""


def call(where: Stage, method: str, route: str, body: dict[str, Any] | None = None) -> Any:
    """A signed request to the operators' API; a refusal ends the program with the API's own sentence."""
    data = b"" if body is None else json.dumps(body).encode()
    request = AWSRequest(method, where.api + route, {"Content-Type": "application/json"}, data)
    credentials = where.session.get_credentials()
    if credentials is None:
        give_up("There are no AWS credentials: sign in first, for example with `aws sso login`.")
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", where.region).add_auth(request)
    signed = urllib.request.Request(request.url, data or None, dict(request.headers.items()), method=method)
    try:
        with urllib.request.urlopen(signed, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        give_up(f"{method} {route}: {refusal.code} {sentence(refusal.read())}")
    except OSError as error:
        give_up(f"{where.api} does not answer: {error}")


def decision(action: str, why: str, actions: tuple[str, ...], example: str) -> dict[str, str]:
    """The body of an order, which has a reason; anything else ends the program."""
    if action not in actions:
        give_up(f"ACTION={action} is none of {', '.join(actions)}.")
    if not why:
        give_up(f'Say why: {example} ACTION={action} WHY="…". It is written into the audit.')
    if len(why) > WHY_CHARACTERS:
        give_up(f"WHY is {len(why)} characters long; {WHY_CHARACTERS} are kept at most.")
    return {"action": action, "why": why}


def sentence(body: bytes) -> str:
    """What a problem document says to people; the body itself when it is no such document."""
    try:
        problem = json.loads(body)
        return problem.get("detail") or problem.get("title") or problem.get("message") or str(problem)
    except (ValueError, AttributeError):
        return body.decode(errors="replace")


def moment(value: Any) -> str:
    """Epoch milliseconds as a time that people read; anything else as it is."""
    if not isinstance(value, int | float):
        return str(value)
    return datetime.datetime.fromtimestamp(value / 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
