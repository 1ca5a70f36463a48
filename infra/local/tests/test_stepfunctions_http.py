"""HTTP tasks."""

import http.server
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from conftest import Cloud, free_port, unique
from ministack.services.stepfunctions import _ExecutionError as StateError

from extension import stepfunctions_http


class _Peer(http.server.BaseHTTPRequestHandler):
    """Answers what the path says, and remembers the request."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.seen.append({"path": self.path, "headers": dict(self.headers), "body": body})
        kind = self.path.split("?")[0].strip("/")
        if kind == "lost":
            self.close_connection = True
            return
        answers = {"garbage": (200, b"<html>"), "none": (204, b"")}
        status, answer = answers.get(kind) or (int(kind), b'{"verdict": "pass"}')
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def peer() -> Iterator[http.server.HTTPServer]:
    """A server to call."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Peer)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _connection(cloud: Cloud) -> str:
    return cloud.client("events").create_connection(
        Name=unique("connection"),
        AuthorizationType="API_KEY",
        AuthParameters={
            "ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "secret"},
            "InvocationHttpParameters": {"HeaderParameters": [{"Key": "X-Team", "Value": "saga"}]},
        },
    )["ConnectionArn"]


def _run(cloud: Cloud, url: str, **more: object) -> dict:
    arguments = {
        "ApiEndpoint": url,
        "Method": "POST",
        "InvocationConfig": {"ConnectionArn": _connection(cloud)},
        "RequestBody": {"intent": "{% $states.input.id %}"},
        **more,
    }
    call = {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Arguments": arguments, "End": True}
    return cloud.run({"StartAt": "Call", "States": {"Call": call}}, {"id": "i1"}, 90)


def _url(peer: http.server.HTTPServer, kind: object) -> str:
    return f"http://127.0.0.1:{peer.server_address[1]}/{kind}"


@pytest.mark.parametrize("status", [200, 206])
def test_the_answer_is_the_result(cloud: Cloud, peer: http.server.HTTPServer, status: int) -> None:
    headers = {"X-Own": "yes", "range": "bytes=0-1"}
    execution = _run(cloud, _url(peer, status), Headers=headers, QueryParameters={"a": "b c"})
    result = json.loads(execution["output"])
    assert result["StatusCode"] == status
    assert result["ResponseBody"] == {"verdict": "pass"}
    assert result["Headers"]["content-type"] == ["application/json; charset=utf-8"]
    [request] = peer.seen
    assert json.loads(request["body"]) == {"intent": "i1"}
    assert request["path"] == f"/{status}?a=b+c"
    headers = {key.lower(): value for key, value in request["headers"].items()}
    assert headers["x-api-key"] == "secret"
    assert headers["x-team"] == "saga"
    assert headers["x-own"] == "yes"
    assert headers["content-type"] == "application/json"
    assert headers["range"] == "bytes=0-262144"
    assert headers["user-agent"] == "Amazon|StepFunctions|HttpInvoke|eu-central-1"


@pytest.mark.parametrize("status", [301, 402, 429, 503])
def test_an_error_status_is_the_error(cloud: Cloud, peer: http.server.HTTPServer, status: int) -> None:
    execution = _run(cloud, _url(peer, status))
    assert execution["error"] == f"States.Http.StatusCode.{status}"
    assert json.loads(execution["cause"]) == {"verdict": "pass"}


def test_a_lost_answer_and_a_closed_port_are_socket_errors(cloud: Cloud, peer: http.server.HTTPServer) -> None:
    assert _run(cloud, _url(peer, "lost"))["error"] == "States.Http.Socket"
    assert _run(cloud, f"http://127.0.0.1:{free_port()}/")["error"] == "States.Http.Socket"


def test_silence_is_a_socket_error_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        request = urllib.request.Request(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        assert stepfunctions_http.LONGEST_SECONDS == 60
        monkeypatch.setattr(stepfunctions_http, "LONGEST_SECONDS", 0.2)
        with pytest.raises(StateError) as raised:
            stepfunctions_http._exchange(request)
    assert raised.value.error == "States.Http.Socket"


def test_garbage_and_nothing_are_texts(cloud: Cloud, peer: http.server.HTTPServer) -> None:
    assert json.loads(_run(cloud, _url(peer, "garbage"))["output"])["ResponseBody"] == "<html>"
    assert json.loads(_run(cloud, _url(peer, "none"))["output"])["ResponseBody"] == ""


def test_a_form_is_url_encoded(cloud: Cloud, peer: http.server.HTTPServer) -> None:
    _run(
        cloud,
        _url(peer, 200),
        RequestBody={"amount": 500, "metadata": {"intent": "i1"}, "list": ["a", "b"]},
        Transform={"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "BRACKETS"}},
    )
    [request] = peer.seen
    assert request["body"] == "amount=500&metadata%5Bintent%5D=i1&list%5B%5D=a&list%5B%5D=b"
    assert request["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_missing_connection_is_an_error(cloud: Cloud, peer: http.server.HTTPServer) -> None:
    missing = {"ConnectionArn": "arn:aws:events:eu-central-1:000000000000:connection/none/1"}
    assert _run(cloud, _url(peer, 200), InvocationConfig=missing)["status"] == "FAILED"
    assert not peer.seen


def test_upstream_still_has_no_http_task(stock: Cloud, peer: http.server.HTTPServer) -> None:
    assert _run(stock, _url(peer, 200))["error"] == "States.Runtime"
    assert not peer.seen
