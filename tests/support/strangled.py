"""Somebody else's monolith behind the façade: a site, a function that plays the new services, and the steering."""

import base64
import contextlib
import http.client
import http.server
import io
import json
import sys
import threading
import time
import urllib.parse
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from machine import deploy, settings
from support import example
from support.executions import Machine
from support.platform import Platform, plain
from support.waiting import until

PARAMETERS = {
    "Architecture": deploy.LOCAL["Architecture"],
    "DeletionProtection": "false",
    "ModernTimeoutMs": "1000",
    "RepairRate": "rate(1 hour)",
    "RouteAlarmPeriodSeconds": "10",
}
KEPT_SECONDS = 3.5
"""How long a function may keep what it read of the steering, and a little more."""

SERVICE = """#!PYTHON
import json, os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"

def handle(event):
    headers = {name.lower(): value for name, value in (event["headers"] or {}).items()}
    play = headers.get("x-play", "")
    if play == "slow":
        time.sleep(2)
    status = 503 if play == "503" else 200
    ids = ["venus", "mars"] if play == "order" else ["mars", "venus"]
    said = {"total": 2, "hits": [{"id": one} for one in ids], "facets": {}}
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "x-served-by": "modern"},
        "body": json.dumps(said),
    }

while True:
    with urllib.request.urlopen(api + "next") as request:
        request_id, event = request.headers["Lambda-Runtime-Aws-Request-Id"], json.load(request)
    broken = "broken" in json.dumps(event.get("multiValueHeaders") or {})
    kind = "error" if broken else "response"
    answer = {"errorType": "Broken", "errorMessage": "as it was told"} if broken else handle(event)
    urllib.request.urlopen(api + request_id + "/" + kind, data=json.dumps(answer).encode()).close()
"""
"""A new service. The header `x-play` makes it slow, fail, break or answer otherwise."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, as it came."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def side(self) -> str:
        """Who answered."""
        return self.headers.get("x-served-by", "")


def ask(
    base: str, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Reply:
    """One request exactly as it is written: nothing added, nothing followed, nothing encoded."""
    where = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(where.netloc, timeout=40)
    try:
        connection.putrequest(method, where.path + path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


class Site(http.server.BaseHTTPRequestHandler):
    """The monolith: a search, and pages that say what they were asked."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer any method."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urllib.parse.urlsplit(self.path).path
        status, headers = 200, [("content-type", "application/json")]
        if path == "/search":
            said = json.dumps({"total": 2, "hits": [{"id": "mars"}, {"id": "venus"}]}).encode()
        elif path == "/image":
            said, headers = bytes(range(256)), [("content-type", "image/png"), ("etag", '"1"')]
        elif path == "/moved":
            status, said, headers = 302, b"", [("location", "/there?a=1&b=2")]
        elif path == "/sign-in":
            status, said = 303, b""
            headers = [("location", "/"), ("set-cookie", "session=1; Path=/"), ("set-cookie", "theme=dark; Path=/")]
        elif path == "/gone":
            status, said, headers = 410, "für immer".encode(), [("content-type", "text/plain; charset=utf-8")]
        elif path == "/broken":
            status, said, headers = 500, b"<h1>oh</h1>", [("content-type", "text/html")]
        else:
            asked = {
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": base64.b64encode(body).decode(),
            }
            said = json.dumps(asked).encode()
        self.send_response(status)
        for name, value in [*headers, ("x-served-by", "monolith"), ("content-length", str(len(said)))]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def site() -> Iterator[str]:
    """The monolith, while the body runs: its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@dataclass(frozen=True)
class Strangled:
    """The deployed example."""

    platform: Platform
    monolith: str
    outputs: Mapping[str, str]
    service: str

    @property
    def front(self) -> str:
        """The façade's address, its stage included."""
        stage = self.outputs["RoutesTableName"].split("-")[1]
        return f"{self.platform.stack['endpoint']}/_aws/execute-api/{self.outputs['FrontApiId']}/{stage}"

    @property
    def machine(self) -> Machine:
        """The state machine that steers a route back."""
        return Machine(self.platform.aws("stepfunctions"), self.outputs["RollBackRouteStateMachineArn"])

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
        """A reader's request; underscores in names of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.front, method, path, named, body)

    def key(self, route: str) -> dict[str, Any]:
        """The key of a record."""
        return {"pk": {"S": f"ROUTE#{route}"}}

    def record(self, route: str = "search") -> dict[str, Any]:
        """A record; empty before the first order."""
        table = self.outputs["RoutesTableName"]
        found = self.platform.aws("dynamodb").get_item(TableName=table, Key=self.key(route), ConsistentRead=True)
        return {field: plain(value) for field, value in found.get("Item", {}).items()}

    def write(self, route: str = "search", **fields: Any) -> dict[str, Any]:
        """Overwrite fields of a record, as another hand would."""
        item = {"pk": f"ROUTE#{route}"} | self.record(route) | fields
        self.platform.aws("dynamodb").put_item(
            TableName=self.outputs["RoutesTableName"],
            Item={field: TypeSerializer().serialize(value) for field, value in item.items()},
        )
        return item

    def forget(self) -> None:
        """Delete every record: as on the first day."""
        for route in ("search", "articles"):
            self.platform.aws("dynamodb").delete_item(TableName=self.outputs["RoutesTableName"], Key=self.key(route))

    def steer(self, mode: str, percent: int = 0, route: str = "search", by: str = "a tester") -> dict[str, Any]:
        """A person's order, as ops-api writes it; returns when every request follows."""
        before = self.record(route)
        steering = {"mode": mode, "percent": {"monolith": 0, "modern": 100}.get(mode, percent)}
        now = int(time.time() * 1000)
        record = self.write(
            route,
            **steering,
            **{"from": {"mode": before.get("mode", "monolith"), "percent": before.get("percent", 0)}},
            since=now,
            by=by,
            why="a test says so",
            rev=before.get("rev", 0) + 1,
            audit=[{"at": now, "by": by, "why": "a test says so", **steering}, *before.get("audit", [])],
        )
        self.follows(route, mode, steering["percent"])
        return record

    def follows(self, route: str, mode: str, percent: int) -> None:
        """Wait until parameter and stage say so, and no function remembers anything else."""
        until(lambda: self.parameter().get(route) == {"mode": mode, "percent": percent}, what=f"{route} {mode}")
        wanted = self.service if mode == "modern" else self.outputs["RouteSplitterName"]
        until(lambda: self.variables()[f"{route}Function"] == wanted, what=f"a stage that follows {route} {mode}")
        time.sleep(KEPT_SECONDS)

    def parameter(self) -> dict[str, Any]:
        """What the parameter says."""
        name = self.outputs["RoutesParameterName"]
        return json.loads(self.platform.aws("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    def variables(self) -> dict[str, str]:
        """What the stage says."""
        api, stage = self.outputs["FrontApiId"], self.outputs["RoutesTableName"].split("-")[1]
        return self.platform.aws("apigateway").get_stage(restApiId=api, stageName=stage)["variables"]

    def counted(self, metric: str, since: float, **dimensions: str) -> float:
        """The sum of a metric since a moment."""
        prefix, stage = self.outputs["RoutesTableName"].split("-")[:2]
        named = {"Stage": stage, **dimensions}
        found = self.platform.aws("cloudwatch").get_metric_statistics(
            Namespace=prefix,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in named.items()],
            StartTime=since - 1,
            EndTime=time.time() + 60,
            Period=1,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in found["Datapoints"])

    def alarm_state(self) -> str:
        """OK, ALARM or INSUFFICIENT_DATA."""
        name = self.outputs["SearchAlarmName"]
        return self.platform.aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]


@contextlib.contextmanager
def deployed(platform: Platform) -> Iterator[Strangled]:
    """The example, deployed under a stage of its own, before a site of its own."""
    stage = example.new_stage()
    with site() as monolith:
        service = function(platform, f"service-{stage}")
        account, region = platform.stack["account"], platform.stack["region"]
        arn = f"arn:aws:lambda:{region}:{account}:function:{service}"
        parameters = PARAMETERS | {
            "Stage": stage,
            "MonolithUrl": monolith,
            "UserPoolArn": f"arn:aws:cognito-idp:{region}:{account}:userpool/{platform.stack['userPool']['id']}",
            "SearchApiName": service,
            "SearchApiArn": arn,
            "ArticlesApiName": service,
            "ArticlesApiArn": arn,
        }
        outputs = example.deploy_stack(platform, "strangled", f"strangled-{stage}", parameters)
        yield Strangled(platform, monolith, outputs, service)


def function(platform: Platform, name: str) -> str:
    """A function that plays a new service; its name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, SERVICE.replace("PYTHON", sys.executable, 1))
    lambdas = platform.aws("lambda")
    with contextlib.suppress(ClientError):
        lambdas.delete_function(FunctionName=name)
    lambdas.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=f"arn:aws:iam::{settings.ACCOUNT}:role/any",
        Code={"ZipFile": packed.getvalue()},
        Timeout=10,
    )
    return name


def bucket_cookie(bucket: int) -> str:
    """What a visitor of this bucket sends."""
    return f"theme=dark; ns_bucket={bucket}"


def request_id() -> str:
    """Something that no other request has."""
    return uuid.uuid4().hex
