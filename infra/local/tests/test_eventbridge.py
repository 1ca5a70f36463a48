"""Targets of rules and schedules: inputs, retries, dead-letter queues."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from conftest import ACCOUNT, REGION, ROLE, Cloud, unique, until


class _Flaky(http.server.BaseHTTPRequestHandler):
    """Refuses as many requests as it is told to, then accepts."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.bodies.append(body)
        self.send_response(503 if len(self.server.bodies) <= self.server.refusals else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def flaky() -> Iterator[http.server.HTTPServer]:
    """An API destination's other side."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Flaky)
    server.bodies, server.refusals = [], 1
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _destination(cloud: Cloud, flaky: http.server.HTTPServer) -> str:
    events = cloud.client("events")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "secret"}}
    connection = events.create_connection(Name=unique("connection"), AuthorizationType="API_KEY", AuthParameters=key)
    return events.create_api_destination(
        Name=unique("destination"),
        ConnectionArn=connection["ConnectionArn"],
        InvocationEndpoint=f"http://127.0.0.1:{flaky.server_address[1]}/",
        HttpMethod="POST",
    )["ApiDestinationArn"]


def _send(cloud: Cloud, target: str, detail: dict, **more: object) -> str:
    """Put one event that a new rule hands to the target; returns the rule's ARN."""
    events, name = cloud.client("events"), unique("rule")
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    assert not events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": target, **more}])["FailedEntryCount"]
    events.put_events(Entries=[{"Source": name, "DetailType": "Changed", "Detail": json.dumps(detail)}])
    return rule


def _missing_function() -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{unique('missing')}"


def test_a_target_is_tried_again(cloud: Cloud, flaky: http.server.HTTPServer) -> None:
    _send(cloud, _destination(cloud, flaky), {"a": 1})
    until(lambda: len(flaky.bodies) == 2)
    assert [json.loads(body)["detail"] for body in flaky.bodies] == [{"a": 1}] * 2


def test_used_up_retries_end_in_the_dead_letter_queue(cloud: Cloud, flaky: http.server.HTTPServer) -> None:
    flaky.refusals = 99
    url, queue = cloud.queue()
    destination = _destination(cloud, flaky)
    rule = _send(
        cloud,
        destination,
        {"a": 1},
        RetryPolicy={"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60},
        DeadLetterConfig={"Arn": queue},
    )
    message = cloud.receive(url)
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    assert attributes["RULE_ARN"] == rule
    assert attributes["TARGET_ARN"] == destination
    assert attributes["RETRY_ATTEMPTS"] == "1"
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert "503" in attributes["ERROR_MESSAGE"]
    assert len(flaky.bodies) == 2


def test_an_event_for_a_missing_target_goes_to_the_dead_letter_queue_at_once(cloud: Cloud) -> None:
    url, queue = cloud.queue()
    _send(cloud, _missing_function(), {"a": 1}, DeadLetterConfig={"Arn": queue})
    message = cloud.receive(url)
    assert message["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"] == "0"
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "RESOURCE_NOT_FOUND"


def test_upstream_still_loses_what_a_target_does_not_take(stock: Cloud) -> None:
    url, queue = stock.queue()
    _send(stock, _missing_function(), {"a": 1}, DeadLetterConfig={"Arn": queue})
    assert "Messages" not in stock.client("sqs").receive_message(QueueUrl=url)


def test_a_failing_function_is_invoked_three_times(cloud: Cloud) -> None:
    url, _ = cloud.queue()
    function = cloud.function(
        f'import boto3\nboto3.client("sqs").send_message(QueueUrl="{url}", MessageBody=json.dumps(event["detail"]))\n'
        'raise Failed("Retryable", "")'
    )
    _send(cloud, function, {"a": 1})
    assert [json.loads(cloud.receive(url)["Body"]) for _ in range(3)] == [{"a": 1}] * 3


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"InputPath": "$.detail.who"}, {"name": "a"}),
        ({"Input": '{"constant": true}'}, {"constant": True}),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"name": "$.detail.who.name", "rest": "$.detail.list"},
                    "InputTemplate": '{"text": "for <name>", "name": <name>, "list": <rest>}',
                }
            },
            {"text": "for a", "name": "a", "list": [1, 2]},
        ),
    ],
)
def test_the_input_is_taken_or_made_from_the_event(cloud: Cloud, more: dict, expected: object) -> None:
    url, queue = cloud.queue()
    _send(cloud, queue, {"who": {"name": "a"}, "list": [1, 2]}, **more)
    assert json.loads(cloud.receive(url)["Body"]) == expected


def test_state_machines_and_topics_are_targets(cloud: Cloud) -> None:
    machine = cloud.state_machine({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    _send(cloud, machine, {"a": 1}, RoleArn=ROLE)
    states = cloud.client("stepfunctions")
    [execution] = until(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    given = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
    assert given["detail"] == {"a": 1}
    url, queue = cloud.queue()
    topic = cloud.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    _send(cloud, topic, {"b": 2})
    assert json.loads(json.loads(cloud.receive(url)["Body"])["Message"])["detail"] == {"b": 2}


@contextlib.contextmanager
def _each_second(cloud: Cloud, target: str, **more: object) -> Iterator[None]:
    """A schedule that fires each second, for as long as the block lasts."""
    name = unique("schedule")
    cloud.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="rate(1 second)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": target, "RoleArn": ROLE, **more},
    )
    yield
    cloud.client("scheduler").delete_schedule(Name=name)


def test_a_schedule_fires_every_second(cloud: Cloud) -> None:
    url, queue = cloud.queue()
    with _each_second(cloud, queue, Input='{"sweep": true, "at": "<aws.scheduler.scheduled-time>"}'):
        messages = [cloud.receive(url, 5) for _ in range(3)]
    assert all(json.loads(message["Body"])["sweep"] for message in messages)
    assert json.loads(messages[0]["Body"])["at"].endswith("Z")


def test_a_rule_fires_every_second(cloud: Cloud) -> None:
    url, queue = cloud.queue()
    name = unique("rule")
    cloud.client("events").put_rule(Name=name, ScheduleExpression="rate(1 second)")
    cloud.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue, "Input": "{}"}])
    for _ in range(2):
        cloud.receive(url, 5)
    cloud.client("events").disable_rule(Name=name)


def test_a_schedule_has_a_dead_letter_queue(cloud: Cloud) -> None:
    url, queue = cloud.queue()
    with _each_second(cloud, _missing_function(), DeadLetterConfig={"Arn": queue}, Input="{}"):
        assert ":schedule/" in cloud.receive(url)["MessageAttributes"]["SCHEDULE_ARN"]["StringValue"]


def test_a_schedule_calls_any_service(cloud: Cloud) -> None:
    url, _ = cloud.queue()
    given = json.dumps({"QueueUrl": url, "MessageBody": "called"})
    with _each_second(cloud, "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", Input=given):
        assert cloud.receive(url)["Body"] == "called"


def test_upstream_still_does_not_read_seconds(stock: Cloud) -> None:
    events = stock.client("events")
    with pytest.raises(events.exceptions.ClientError, match="ScheduleExpression"):
        events.put_rule(Name=unique("rule"), ScheduleExpression="rate(1 second)")


def test_a_queues_batches_are_handed_to_a_function_and_its_failures_come_back(cloud: Cloud) -> None:
    dead_url, dead = cloud.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    url, arn = cloud.queue(VisibilityTimeout="1", RedrivePolicy=redrive)
    function = cloud.function(
        'bad = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]\n'
        'answer = {"batchItemFailures": [{"itemIdentifier": i} for i in bad]}'
    )
    cloud.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName=function, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    entries = [{"Id": "1", "MessageBody": "good"}, {"Id": "2", "MessageBody": "bad"}]
    cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    assert cloud.receive(dead_url)["Body"] == "bad"
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert set(left.values()) == {"0"}
