"""The running platform, as `target/local/stack.json` describes it: its tables, queues, functions and stand-ins."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from machine import client as http
from machine import settings
from support.executions import Execution, Machine
from support.intents import Wish, handed_over
from support.waiting import until

TERMINAL = {"active", "declined", "refunded"}


class Platform:
    """One deployed stage on the local cloud."""

    def __init__(self, stack: dict[str, Any]) -> None:
        self.stack = stack
        self.subscribe = Machine(self.aws("stepfunctions"), stack["stateMachines"]["subscribe"])

    @classmethod
    def running(cls) -> "Platform":
        """The one that `make up` or `make test` started."""
        assert settings.STACK_FILE.exists(), f"{settings.STACK_FILE} is missing: start the platform with `make up`"
        return cls(json.loads(settings.STACK_FILE.read_text()))

    @lru_cache  # noqa: B019 - as many as there are services, for one test session
    def aws(self, service: str) -> Any:
        """A client of one AWS service; it may be used by many threads."""
        return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test").client(
            service,
            region_name=self.stack["region"],
            endpoint_url=self.stack["endpoint"],
            config=Config(retries={"max_attempts": 2}, max_pool_connections=32, inject_host_prefix=False),
        )

    # ---- tables -----------------------------------------------------------------------------------------------------
    def item(self, table: str, pk: str, sk: str | None = None) -> dict[str, Any]:
        """One item, consistently read; empty where there is none."""
        key = {"pk": {"S": pk}} | ({"sk": {"S": sk}} if sk else {})
        name = self.stack["tables"][table]
        found = self.aws("dynamodb").get_item(TableName=name, Key=key, ConsistentRead=True).get("Item", {})
        return {field: plain(value) for field, value in found.items()}

    def put(self, table: str, **item: Any) -> None:
        """Write one item as it is."""
        self.aws("dynamodb").put_item(
            TableName=self.stack["tables"][table],
            Item={field: TypeSerializer().serialize(value) for field, value in item.items()},
        )

    def row(self, wish: Wish) -> dict[str, Any]:
        """The intent's row in the ledger."""
        return self.item("ledger", f"CUSTOMER#{wish.customer}", f"INTENT#{wish.id}")

    def change_row(self, wish: Wish, **fields: Any) -> None:
        """Overwrite fields of the intent's row: what time would have done to it."""
        self.put("ledger", **(self.row(wish) | fields))

    def status(self, wish: Wish) -> str:
        """Where the intent stands; empty while the ledger does not know it."""
        return self.row(wish).get("status", "")

    def lock(self, wish: Wish) -> dict[str, Any]:
        """Who holds the customer's tier; empty if nobody does."""
        return self.item("ledger", f"CUSTOMER#{wish.customer}", "TIER#premium")

    def charge(self, wish: Wish, number: int = 1) -> dict[str, Any]:
        """Payments' row of one of the intent's charges."""
        return self.item("payments", f"CHARGE#{wish.charge(number)}")

    def decision(self, wish: Wish, number: int = 1) -> str:
        """Content access' decision about a charge: granted, refused, or empty."""
        return self.item("entitlements", f"DECISION#{wish.charge(number)}", "DECISION").get("decision", "")

    def entitlement(self, wish: Wish) -> dict[str, Any]:
        """The customer's right to premium content; empty if there is none."""
        return self.item("entitlements", f"CUSTOMER#{wish.customer}", "TIER#premium")

    def case(self, wish: Wish) -> dict[str, Any]:
        """The case that a parked intent's row names."""
        return self.item("cases", f"CASE#{self.row(wish)['caseId']}")

    def forget_gates(self) -> None:
        """Third parties' gates as on the first day: what one test did to a provider is nothing to the next."""
        for dependency in ("fraud", "payment", "loyalty"):
            for part in ("0", "audit"):
                self.aws("dynamodb").delete_item(
                    TableName=self.stack["tables"]["gates"], Key={"pk": {"S": f"GATE#{dependency}#{part}"}}
                )

    # ---- intents ----------------------------------------------------------------------------------------------------
    def run(self, wish: Wish, seconds: float = 60.0) -> Execution:
        """One execution of `subscribe` for the wish, to its end."""
        return self.subscribe.run(handed_over(wish.message()), seconds)

    def send(self, text: str, queue: str = "intents") -> None:
        """Send a text to one of the platform's queues."""
        self.aws("sqs").send_message(QueueUrl=self.stack["queues"][queue], MessageBody=text)

    def comes_to(self, wish: Wish, *statuses: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until the intent stands at one of the statuses; its row."""
        until(lambda: self.status(wish) in statuses, seconds, f"{wish.method} of {wish.customer}: {statuses}")
        return self.row(wish)

    # ---- the dead-letter queues -------------------------------------------------------------------------------------
    def dead_letter(self, queue: str, holding: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for the message that holds this text, take it out of the dead-letter queue, and return it."""
        sqs, url = self.aws("sqs"), self.stack["queues"][queue]

        def look() -> dict[str, Any] | None:
            got = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1, MessageAttributeNames=["All"]
            )
            for message in got.get("Messages", []):
                if holding in message["Body"]:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    return message
            return None

        return until(look, seconds, f"a message with {holding} in {queue}")

    @contextmanager
    def listening(self, topic: str) -> Iterator[str]:
        """A queue that hears a topic while the body runs: its URL."""
        sqs, sns = self.aws("sqs"), self.aws("sns")
        with self.queue() as (url, arn):
            heard = sns.subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
            )["SubscriptionArn"]
            try:
                yield url
            finally:
                sns.unsubscribe(SubscriptionArn=heard)
                sqs.purge_queue(QueueUrl=url)

    @contextmanager
    def queue(self) -> Iterator[tuple[str, str]]:
        """A queue of the test's own: its URL and ARN."""
        sqs, name = self.aws("sqs"), f"test-{uuid.uuid4().hex[:8]}"
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        try:
            yield url, f"arn:aws:sqs:{self.stack['region']}:{self.stack['account']}:{name}"
        finally:
            sqs.delete_queue(QueueUrl=url)

    def received(self, url: str, seconds: float = 60.0) -> str:
        """Wait for one message of a queue and take it out: its text."""
        sqs = self.aws("sqs")
        message = until(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), seconds, f"a message in {url}")[0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message["Body"]

    def is_empty(self, url: str) -> bool:
        """Whether a queue holds no message, neither waiting nor in somebody's hand."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        counts = self.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return not any(int(counts[name]) for name in names)

    # ---- functions --------------------------------------------------------------------------------------------------
    def logs(self, function: str) -> str:
        """All that a function has written."""
        logs, group = self.aws("logs"), f"/aws/lambda/{self.stack['functions'][function]}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return "\n".join(event["message"] for page in pages for event in page["events"])

    # ---- providers --------------------------------------------------------------------------------------------------
    def fault(self, stand_in: str, mode: str, **order: Any) -> None:
        """Let a provider misbehave; `none` heals it."""
        answer = http.call("PUT", f"{self.stack['standIns'][stand_in]['admin']}/fault", {"mode": mode} | order)
        http.expect(answer, 200, "PUT /admin/fault")

    @contextmanager
    def failing(self, stand_in: str, mode: str, **order: Any) -> Iterator[None]:
        """A provider that misbehaves while the body runs."""
        self.fault(stand_in, mode, **order)
        try:
            yield
        finally:
            self.fault(stand_in, "none")

    def journal(self) -> dict[str, Any]:
        """What the payment provider says it did."""
        url = f"{self.stack['standIns']['payment']['admin']}/journal"
        return http.expect(http.call("GET", url), 200, "GET /admin/journal")

    def money(self, wish: Wish) -> tuple[int, int]:
        """How often the provider captured for the intent, and how often it refunded."""
        journal = self.journal()
        captures, refunds = (
            sum(entry["intent"].partition("#")[0] == wish.id for entry in journal[kind])
            for kind in ("captures", "refunds")
        )
        return captures, refunds

    # ---- operators --------------------------------------------------------------------------------------------------
    def operate(self, method: str, route: str, body: dict[str, str] | None = None) -> http.Answer:
        """A signed request to the operators' API."""
        data = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, self.stack["api"] + route, {"Content-Type": "application/json"}, data)
        SigV4Auth(Credentials("test", "test"), "execute-api", self.stack["region"]).add_auth(request)
        return http.call(method, self.stack["api"] + route, body, dict(request.headers.items()))

    def decide(self, case: dict[str, Any], action: str) -> http.Answer:
        """An operator's decision about a case."""
        return self.operate("POST", f"/ops/cases/{case['id']}", {"action": action, "why": "a test says so"})


def plain(value: dict[str, Any]) -> Any:
    """An attribute's value as Python has it; whole numbers as `int`."""
    return whole(TypeDeserializer().deserialize(value))


def whole(value: Any) -> Any:
    """The same with whole numbers as `int`, at every depth."""
    if isinstance(value, dict):
        return {key: whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return int(value) if hasattr(value, "as_integer_ratio") and not isinstance(value, bool | float) else value


def invoke(client: Any, function: str, payload: Any) -> Any:
    """Call a function and read its answer; an error of the function is an error."""
    answer = client.invoke(FunctionName=function, Payload=json.dumps(payload))
    said = json.load(answer["Payload"])
    assert "FunctionError" not in answer, f"{function}: {said}"
    return said
