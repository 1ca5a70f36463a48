"""The platform's own HTTP API, spoken as a customer's browser speaks it."""

import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any

from machine import deploy
from machine.failure import Failure

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `body` is what its JSON said."""

    status: int
    headers: dict[str, str]
    body: Any


def call(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    """One request with a body in JSON, as bytes, or none. An answer of 4xx or 5xx is an answer, not an error."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | (headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return _answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return _answer(refusal.code, refusal.headers, refusal.read())
    except OSError as error:
        raise Failure(f"{method} {url} got no answer: {error}") from error


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    try:
        said = json.loads(body) if body else None
    except ValueError:
        said = body.decode(errors="replace")
    return Answer(status, {key.lower(): value for key, value in headers.items()}, said)


def expect(answer: Answer, status: int, what: str) -> Any:
    """The answer's body, if it has the status that it should have."""
    if answer.status != status:
        raise Failure(f"{what}: expected {status}, got {answer.status} {answer.body}")
    return answer.body


@dataclass
class Customer:
    """A signed-in customer."""

    api: str
    email: str
    sub: str
    token: str

    @classmethod
    def sign_in(cls, stack: dict[str, Any], email: str, password: str, sub: str) -> "Customer":
        """Get an access token for the e-mail address and password."""
        client = deploy.session().client("cognito-idp", endpoint_url=stack["endpoint"])
        tokens = client.initiate_auth(
            ClientId=stack["userPool"]["clientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )["AuthenticationResult"]
        return cls(stack["api"], email, sub, tokens["AccessToken"])

    def subscribe(self, payment_method: str = "pm_cardVisa4242") -> str:
        """Ask to become premium; the answer is the key of the accepted intent."""
        key = str(uuid.uuid4())
        body = {"tier": "premium", "paymentMethod": payment_method, "newsletter": False}
        answer = call("POST", f"{self.api}/subscriptions", body, self._headers() | {"Idempotency-Key": key})
        expect(answer, 202, "POST /subscriptions")
        return key

    def status(self, key: str) -> str:
        """What the platform says of the intent; `unrecorded` until it has written it down."""
        answer = call("GET", f"{self.api}/subscriptions/{key}", headers=self._headers())
        if answer.status == 404:
            return "unrecorded"
        return expect(answer, 200, "GET /subscriptions/{key}")["status"]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def processing_status(stack: dict[str, Any]) -> dict[str, Any]:
    """What the banner shows: `normal` or `delayed`."""
    return expect(call("GET", f"{stack['api']}/processing-status"), 200, "GET /processing-status")


def set_fault(stand_in: dict[str, str], mode: str) -> None:
    """Switch a stand-in's fault on, or off with `none`."""
    answer = call("PUT", f"{stand_in['admin']}/fault", {"mode": mode})
    if answer.status // 100 != 2:
        raise Failure(f"PUT {stand_in['admin']}/fault: got {answer.status} {answer.body}")
