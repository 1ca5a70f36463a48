"""HTTP tasks.

Gap: `arn:aws:states:::http:invoke` does not exist.
Real AWS: the task calls an HTTPS address with the credentials and parameters of an EventBridge connection, sends
`User-Agent` and `Range: bytes=0-262144` whatever the headers say (so a server may answer 206), waits for 60 seconds at
most, fails with `States.Http.StatusCode.<code>` and the body as its cause, or with `States.Http.Socket` without an
answer; an answer of more than 256 KB fails. The connection's parameters win over the task's.
Here: the same, also for plain HTTP, so that a stand-in needs no certificate. Redirects are not followed.
Unfaithful: private connections and mTLS do not exist; headers that AWS refuses to send (as `If-*`) are sent; the 60
seconds are those of silence, so an answer that comes in drops may take longer.
"""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge
from ministack.services import stepfunctions as sfn
from ministack.services.stepfunctions import _ExecutionError as StateError

LONGEST_SECONDS = 60
LARGEST_ANSWER = 262_144


def install() -> None:
    """Add the integration."""
    sfn._SERVICE_DISPATCH["arn:aws:states:::http:invoke"] = _invoke


def _invoke(_resource: str, arguments: dict) -> dict:
    """Make the call; the answer as a state sees it."""
    status, reason, headers, body = _exchange(_request(arguments))
    text = body.decode("utf-8", "replace")
    if len(body) > LARGEST_ANSWER:
        raise StateError("States.DataLimitExceeded", f"The answer is longer than {LARGEST_ANSWER} bytes.")
    if not 200 <= status < 300:
        raise StateError(f"States.Http.StatusCode.{status}", text)
    return {
        "StatusCode": status,
        "StatusText": reason,
        "Headers": headers,
        "ResponseBody": _content(text, headers.get("content-type", [""])[0]),
    }


def _exchange(request: urllib.request.Request) -> tuple[int, str, dict[str, list[str]], bytes]:
    try:
        try:
            answer = eventbridge._http_open(request, LONGEST_SECONDS)
        except urllib.error.HTTPError as error:
            answer = error  # an answer, too
        with answer:
            headers: dict[str, list[str]] = {}
            for key, value in answer.headers.items():
                headers.setdefault(key.lower(), []).append(value)
            return answer.status, answer.reason, headers, answer.read(LARGEST_ANSWER + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:  # none, or not HTTP, or broken off
        raise StateError("States.Http.Socket", str(error)) from None


def _request(arguments: dict) -> urllib.request.Request:
    name, connection = _connection(arguments)
    invocation = (connection.get("AuthParameters") or {}).get("InvocationHttpParameters") or {}
    of_connection = {
        kind: eventbridge._connection_params_map(invocation.get(kind))
        for kind in ("HeaderParameters", "QueryStringParameters", "BodyParameters")
    }
    headers = {key: _one(value) for key, value in (arguments.get("Headers") or {}).items()}
    body = arguments.get("RequestBody")
    if of_connection["BodyParameters"]:
        body = {**(body or {}), **of_connection["BodyParameters"]}
    data = _encoded(body, arguments.get("Transform") or {}, headers)
    headers |= of_connection["HeaderParameters"]
    scope = (get_account_id(), get_region(), name)
    headers |= eventbridge._connection_auth_headers(connection, scope)
    query = {**(arguments.get("QueryParameters") or {}), **of_connection["QueryStringParameters"]}
    fixed = {
        "User-Agent": f"Amazon|StepFunctions|HttpInvoke|{get_region()}",
        "Range": f"bytes=0-{LARGEST_ANSWER}",
    }
    return urllib.request.Request(
        _with_query(arguments["ApiEndpoint"], query), data, {**headers, **fixed}, method=arguments["Method"]
    )


def _connection(arguments: dict) -> tuple[str, dict]:
    authentication = arguments.get("Authentication") or arguments.get("InvocationConfig") or {}
    arn = authentication.get("ConnectionArn", "")
    name = arn.partition(":connection/")[2].split("/")[0]
    connection = eventbridge._connections.get(name)
    if connection is None:
        raise StateError("Events.ConnectionResource.NotFound", f"The connection {arn!r} does not exist.")
    return name, connection


def _one(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _with_query(url: str, query: dict) -> str:
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urllib.parse.urlencode(query, doseq=True)}"


def _encoded(body: object, transform: dict, headers: dict[str, str]) -> bytes | None:
    """The body as it is sent; `headers` gets the content type that goes with it."""
    if body is None:
        return None
    given = {key.lower() for key in headers}
    if transform.get("RequestBodyEncoding") == "URL_ENCODED":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        array = (transform.get("RequestEncodingOptions") or {}).get("ArrayFormat", "INDICES")
        return urllib.parse.urlencode(list(_form(body, array))).encode()
    if "content-type" not in given:
        headers["Content-Type"] = "application/json"
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _form(value: object, array: str, name: str = ""):
    """The pairs of a form, nested names in brackets, lists as the array format says."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _form(part, array, f"{name}[{key}]" if name else key)
    elif isinstance(value, list) and array == "COMMAS":
        yield name, ",".join(map(str, value))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            suffix = {"INDICES": f"[{index}]", "BRACKETS": "[]", "REPEAT": ""}.get(array, "")
            yield from _form(part, array, name + suffix)
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


def _content(text: str, content_type: str) -> object:
    """A JSON answer as what it says, any other as its text."""
    if "json" not in content_type.lower():
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
