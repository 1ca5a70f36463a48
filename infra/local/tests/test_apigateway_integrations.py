"""Integrations with AWS services, HTTP backends and MOCK."""

import base64
import http.client
import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator

import pytest
from deployments import api, mock, send

FORM = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
TOPIC = {
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Subscription": {
        "Type": "AWS::SNS::Subscription",
        "Properties": {
            "TopicArn": {"Ref": "Topic"},
            "Protocol": "sqs",
            "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
            "RawMessageDelivery": True,
        },
    },
}
INTAKE = """\
#set($key = $input.params('idempotency-key'))
#set($at = $context.requestTimeEpoch)
#set($message = "{""key"":""$util.escapeJavaScript($key)"",""body"":$input.json('$'),""acceptedAt"":$at}")
Action=Publish&TopicArn=$util.urlEncode('TOPIC')&Message=$util.urlEncode($message)\
"""
ANSWER = """\
#set($context.responseOverride.header.Location = "/things/$input.params('idempotency-key')")
{"id": "$input.path('$.PublishResponse.PublishResult.MessageId')", "request": "$context.requestId"}"""


def service(uri: str, template: object, responses: dict | None = None, **more: object) -> dict:
    """An operation that calls an AWS service with the role of the template."""
    operation = mock(responses=responses)
    operation["x-amazon-apigateway-integration"] |= {
        "type": "aws",
        "httpMethod": "POST",
        "credentials": {"Fn::GetAtt": ["Role", "Arn"]},
        "uri": {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:" + uri},
        "requestTemplates": {"application/json": template},
        **more,
    }
    return operation


def intake(template: str = INTAKE, **more: object) -> dict:
    """An operation that publishes to the template's topic by SNS's query protocol."""
    text = {"Fn::Join": ["", [template.split("TOPIC")[0], {"Ref": "Topic"}, *template.split("TOPIC")[1:]]]}
    return service(
        "sns:action/Publish",
        text,
        {
            "default": {"statusCode": "202", "responseTemplates": {"application/json": ANSWER}},
            r"4\d{2}": {
                "statusCode": "400",
                "responseTemplates": {"application/json": '{"is":"$input.path(\'$.Error.Code\')"}'},
                "responseParameters": {"method.response.header.x-request-id": "context.requestId"},
            },
            r"5\d{2}": {"statusCode": "503"},
        },
        **{"requestParameters": FORM, **more},
    )


def published(cloud, document: dict, body: object = None, **headers: str) -> tuple:
    """Deploy `document`, post to `/in`, and give the reply and what came out of the queue (or None)."""
    with api(cloud, document, resources=TOPIC, outputs={"Queue": {"Ref": "Queue"}}) as (url, outputs):
        reply = send("POST", f"{url}/in", body if body is not None else {"a": 'it\'s "b" & c'}, headers)
        message = cloud.receive(outputs["Queue"]) if reply.status == 202 else None
        return reply, message and message["Body"]


def test_a_post_becomes_an_sns_message_by_the_query_protocol(cloud):
    reply, message = published(cloud, {"paths": {"/in": {"post": intake()}}}, **{"Idempotency-Key": "k&1'"})
    message = json.loads(message.replace("\\'", "'"))
    assert (message["key"], message["body"]) == ("k&1'", {"a": 'it\'s "b" & c'})
    assert message["acceptedAt"] > 1_600_000_000_000
    assert reply.headers["Location"] == "/things/k&1'"
    assert reply.json["id"]
    assert reply.json["request"] == reply.headers["x-amzn-RequestId"]


def test_the_services_refusal_picks_the_integration_response(cloud):
    template = INTAKE.replace("Action=Publish&TopicArn=$util.urlEncode('TOPIC')", "Action=Publish&TopicArn=TOPICx")
    reply, _ = published(cloud, {"paths": {"/in": {"post": intake(template)}}}, **{"Idempotency-Key": "k"})
    assert (reply.status, reply.json) == (400, {"is": "NotFound"})
    assert reply.headers["x-request-id"] == reply.headers["x-amzn-RequestId"]


def test_a_query_service_does_not_see_a_body_that_is_not_form_encoded(cloud):
    reply, _ = published(cloud, {"paths": {"/in": {"post": intake(requestParameters={})}}}, **{"Idempotency-Key": "k"})
    assert reply.status == 400


def test_an_integration_without_an_existing_role_fails(cloud):
    operation = intake(credentials="arn:aws:iam::000000000000:role/nobody")
    reply, _ = published(cloud, {"paths": {"/in": {"post": operation}}}, **{"Idempotency-Key": "k"})
    assert (reply.status, reply.json) == (500, {"message": "Internal server error"})


def test_a_media_type_without_a_template_is_415_when_nothing_may_pass(cloud):
    reply, _ = published(cloud, {"paths": {"/in": {"post": intake()}}}, "x", **{"content-type": "text/plain"})
    assert reply.status == 415


def test_services_that_speak_json_need_no_target(cloud):
    put = service(
        "sqs:action/SendMessage",
        {"Fn::Sub": '{"QueueUrl":"${Queue}","MessageBody":"$util.escapeJavaScript($input.json(\'$\'))"}'},
    )
    get = service(
        "ssm:action/GetParameter",
        '{"Name":"$input.params(\'name\')"}',
        {
            "default": {
                "statusCode": "200",
                "responseTemplates": {"application/json": "$input.path('$.Parameter.Value')"},
            }
        },
    )
    cloud.client("ssm").put_parameter(Name="gateway-test", Value='{"x":1}', Type="String", Overwrite=True)
    document = {"paths": {"/in": {"post": put}, "/parameter/{name}": {"get": get}}}
    with api(cloud, document, resources=TOPIC, outputs={"Queue": {"Ref": "Queue"}}) as (url, outputs):
        assert send("POST", f"{url}/in", {"a": "é/"}).status == 200
        assert json.loads(cloud.receive(outputs["Queue"])["Body"]) == {"a": "é/"}
        assert send("GET", f"{url}/parameter/gateway-test").json == {"x": 1}


def test_queues_by_path(cloud):
    put = service(
        "sqs:path/${AWS::AccountId}/${Queue.QueueName}",
        "Action=SendMessage&MessageBody=$util.urlEncode($input.body)",
        requestParameters=FORM,
    )
    with api(cloud, {"paths": {"/in": {"post": put}}}, resources=TOPIC, outputs={"Queue": {"Ref": "Queue"}}) as (
        url,
        outputs,
    ):
        assert send("POST", f"{url}/in", "a&b=c").json["SendMessageResponse"]["SendMessageResult"]["MessageId"]
        assert cloud.receive(outputs["Queue"])["Body"] == "a&b=c"


def test_mock_answers_with_rendered_templates(cloud):
    document = {
        "paths": {
            "/{id}": {
                "options": mock(
                    responses={
                        "default": {
                            "statusCode": 204,
                            "responseParameters": {
                                "method.response.header.Access-Control-Allow-Origin": "'https://x.y'"
                            },
                        }
                    }
                ),
                "get": mock(
                    '{"statusCode": #if($input.params("id") == "no")404#{else}200#end}',
                    {
                        "404": {
                            "statusCode": 404,
                            "responseTemplates": {"application/json": '{"no":"$context.resourcePath"}'},
                        },
                        "default": {
                            "statusCode": 200,
                            "responseTemplates": {"application/json": "$context.identity.sourceIp"},
                        },
                    },
                ),
            }
        }
    }
    with api(cloud, document) as (url, _):
        preflight = send("OPTIONS", f"{url}/a")
        assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "https://x.y")
        assert send("GET", f"{url}/yes").text == "127.0.0.1"
        refused = send("GET", f"{url}/no")
        assert (refused.status, refused.json) == (404, {"no": "/{id}"})


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; `/binary` with bytes that are no text."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer any method."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        asked = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": base64.b64encode(body).decode(),
        }
        said = bytes(range(256)) if "binary" in self.path else json.dumps(asked).encode()
        self.send_response(302 if "redirect" in self.path else 201)
        headers = [
            ("location", "/away"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("www-authenticate", "Basic"),
            ("via", "1.1 old"),
            ("content-length", str(len(said))),
        ]
        if "untyped" not in self.path:
            headers.append(("content-type", "application/octet-stream" if "binary" in self.path else "text/plain"))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    """An HTTP backend."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def proxy(backend: str, **document: object) -> dict:
    """A document with everything below `/old` at the backend."""
    operation = {
        "parameters": [{"name": "proxy", "in": "path", "required": True}],
        "x-amazon-apigateway-integration": {
            "type": "http_proxy",
            "httpMethod": "ANY",
            "uri": f"{backend}/base/{{proxy}}",
            "requestParameters": {
                "integration.request.path.proxy": "method.request.path.proxy",
                "integration.request.header.x-stage": "context.stage",
                "integration.request.header.x-fixed": "'abc'",
            },
        },
    }
    return {"paths": {"/old/{proxy+}": {"x-amazon-apigateway-any-method": operation}}, **document}


EVERYTHING = {"x-amazon-apigateway-binary-media-types": ["*/*"]}


def raw(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple:
    """A request as it is, nothing followed and nothing added: status, headers, bytes."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.putrequest(method, f"{parts.path}?{parts.query}".rstrip("?"), skip_accept_encoding=True)
    for name, value in ({"content-length": str(len(body))} if body else {}).items() | (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    answer = reply.status, reply.headers, reply.read()
    connection.close()
    return answer


def test_an_http_backend_gets_the_request_and_its_answer_goes_through(cloud, backend):
    with api(cloud, proxy(backend)) as (url, _):
        reply = send("POST", f"{url}/old/a/b%20c?q=1&p=%C3%BC%26&q=2", {"z": 1}, {"X-Mine": "1"})
        assert (reply.status, reply.headers.get_all("set-cookie")) == (201, ["a=1", "b=2"])
        asked = reply.json
        assert (asked["path"], base64.b64decode(asked["body"])) == ("/base/a/b%20c?q=1&q=2&p=%C3%BC%26", b'{"z": 1}')
        assert [asked["headers"][name] for name in ("x-stage", "x-fixed", "x-mine")] == ["v1", "abc", "1"]
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert send(method, f"{url}/old/a").json["method"] == method


def test_a_backends_redirect_is_the_clients(cloud, backend):
    with api(cloud, proxy(backend)) as (url, _):
        status, headers, _ = raw("GET", f"{url}/old/redirect")
        assert (status, headers["location"]) == (302, "/away")


def test_a_head_request_keeps_its_length_and_has_no_body(cloud, backend):
    with api(cloud, proxy(backend)) as (url, _):
        status, headers, body = raw("HEAD", f"{url}/old/a")
        assert (status, body) == (201, b"")
        assert int(headers["content-length"]) > 100


def test_bytes_pass_either_way_if_their_type_is_binary(cloud, backend):
    every = bytes(range(256))
    with api(cloud, proxy(backend, **EVERYTHING)) as (url, _):
        _, _, body = raw("POST", f"{url}/old/a", every, {"content-type": "image/png"})
        assert base64.b64decode(json.loads(body)["body"]) == every
        assert raw("GET", f"{url}/old/binary")[2] == every
    with api(cloud, proxy(backend)) as (url, _):
        _, _, body = raw("POST", f"{url}/old/a", every, {"content-type": "image/png"})
        assert base64.b64decode(json.loads(body)["body"]) == every.decode("utf-8", "replace").encode()
        assert raw("GET", f"{url}/old/binary")[2] == every.decode("utf-8", "replace").encode()


def test_headers_are_dropped_and_renamed_as_the_developer_guide_says(cloud, backend):
    given = {
        "authorization": "Bearer x",
        "content-encoding": "gzip",
        "expect": "nothing",
        "max-forwards": "1",
        "te": "trailers",
        "via": "1.1 mine",
        "user-agent": "me",
        "x-forwarded-for": "10.1.2.3",
    }
    with api(cloud, proxy(backend, **EVERYTHING)) as (url, outputs):
        _, headers, body = raw("GET", f"{url}/old/a", headers=given)
        seen = json.loads(body)["headers"]
        assert set(given) - set(seen) == {"content-encoding", "expect", "max-forwards", "te", "via"}
        assert (seen["authorization"], seen["user-agent"]) == ("Bearer x", "me")
        assert seen["x-forwarded-for"] == "10.1.2.3, 127.0.0.1"
        assert seen["host"] == backend.removeprefix("http://")
        assert seen["x-amzn-apigateway-api-id"] == outputs["Api"]
        assert headers["x-amzn-Remapped-WWW-Authenticate"] == "Basic"
        assert headers["x-amzn-Remapped-Server"].startswith("BaseHTTP")
        assert headers["x-amzn-Remapped-Date"]
        assert not {"via", "www-authenticate"} & {name.lower() for name in headers}
        signed = {"authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/execute-api/aws4_request"}
        _, _, body = raw("GET", f"{url}/old/a", headers=signed)
        assert "authorization" not in json.loads(body)["headers"]


def test_an_answer_without_a_type_is_json(cloud, backend):
    with api(cloud, proxy(backend)) as (url, _):
        assert raw("GET", f"{url}/old/untyped")[1]["content-type"] == "application/json"


def test_a_binary_body_never_meets_a_template(cloud):
    document = {"paths": {"/in": {"post": mock()}}, **EVERYTHING}
    with api(cloud, document) as (url, _):
        assert send("POST", f"{url}/in", {"a": 1}).status == 500


def test_a_backend_that_is_down_is_a_gateway_response(cloud):
    operation = {
        "x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "POST", "uri": "http://127.0.0.1:9/"}
    }
    with api(cloud, {"paths": {"/": {"post": operation}}}) as (url, _):
        assert send("POST", f"{url}/", {}).status == 504


def test_upstream_still_cannot_publish_to_a_topic(stock):
    with api(stock, {"paths": {"/in": {"post": intake()}}}, resources=TOPIC) as (url, _):
        assert send("POST", f"{url}/in", {"a": 1}).status == 504
