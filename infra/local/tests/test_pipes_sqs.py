"""Pipes with an SQS queue as their source."""

import json
import time

import pytest
from conftest import ACCOUNT, REGION, ROLE, Cloud, unique, until

# Ends at once and echoes its input.
ECHO = {"StartAt": "Echo", "States": {"Echo": {"Type": "Pass", "End": True}}}


def _pipe(cloud: Cloud, source: str, target: str, **more: object) -> str:
    name = unique("pipe")
    cloud.client("pipes").create_pipe(Name=name, RoleArn=ROLE, Source=source, Target=target, **more)
    return name


def _inputs(cloud: Cloud, machine: str) -> list:
    """What the executions of a state machine were started with."""
    client = cloud.client("stepfunctions")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine)
    arns = [execution["executionArn"] for page in pages for execution in page["executions"]]
    return [json.loads(client.describe_execution(executionArn=arn)["input"]) for arn in arns]


def _bodies(cloud: Cloud, machine: str) -> list[str]:
    return [record["body"] for batch in _inputs(cloud, machine) for record in batch]


def _depth(cloud: Cloud, url: str) -> int:
    """How many messages the queue holds, received ones included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def _state(cloud: Cloud, pipe: str) -> str:
    return cloud.client("pipes").describe_pipe(Name=pipe)["CurrentState"]


def test_a_message_becomes_an_execution(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    machine = cloud.state_machine(ECHO)
    _pipe(cloud, arn, machine, SourceParameters={"SqsQueueParameters": {"BatchSize": 1}})
    cloud.client("sqs").send_message(
        QueueUrl=url, MessageBody="hello", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}}
    )
    [[record]] = until(lambda: _inputs(cloud, machine))
    assert record["body"] == "hello"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == arn
    assert record["awsRegion"] == REGION
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert int(record["attributes"]["SentTimestamp"]) <= time.time() * 1000
    assert record["messageAttributes"]["a"]["stringValue"] == "b"
    until(lambda: _depth(cloud, url) == 0, what="the deletion of the message")


def test_upstream_still_moves_nothing(stock: Cloud) -> None:
    url, arn = stock.queue()
    machine = stock.state_machine(ECHO)
    pipe = _pipe(stock, arn, machine, SourceParameters={"SqsQueueParameters": {"BatchSize": 1}})
    stock.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    assert "SourceParameters" not in stock.client("pipes").describe_pipe(Name=pipe)
    # Its poller goes over all pipes in turn: when one from a table's stream has moved something, it has seen ours, too.
    table = unique("table")
    stream = stock.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    other = stock.state_machine(ECHO)
    _pipe(stock, stream, other, SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "LATEST"}})
    for count in (1, 2):
        stock.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": str(count)}})
        until(lambda expected=count: len(_inputs(stock, other)) == expected)
    assert _inputs(stock, machine) == []


def test_some_hundred_messages_are_handed_over_promptly_and_once(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    machine = cloud.state_machine(ECHO)
    sent = [f"message {n}" for n in range(300)]
    for start in range(0, len(sent), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(sent[start : start + 10])]
        cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    _pipe(cloud, arn, machine, SourceParameters={"SqsQueueParameters": {"BatchSize": 1}})
    until(lambda: _depth(cloud, url) == 0, 20, "the empty queue")
    assert sorted(_bodies(cloud, machine)) == sorted(sent)


def test_filters_drop_what_does_not_match_and_templates_shape_the_rest(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    target_url, target = cloud.queue()
    _pipe(
        cloud,
        arn,
        target,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"body": {"tier": ["premium"]}})}]}},
        TargetParameters={
            "InputTemplate": '{"who": "<$.body.customer>", "list": <$.body.list>, "pipe": "<aws.pipes.pipe-name>"}'
        },
    )
    for tier in ("free", "premium"):
        body = json.dumps({"tier": tier, "customer": "a name", "list": [1, {"a": 2}]})
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    message = json.loads(cloud.receive(target_url)["Body"])
    assert message["who"] == "a name"
    assert message["list"] == [1, {"a": 2}]
    assert message["pipe"].startswith("pipe-")
    until(lambda: _depth(cloud, url) == 0, what="the deletion of both messages")
    assert _depth(cloud, target_url) == 0


def test_what_a_function_refuses_comes_back_until_the_dead_letter_queue_takes_it(cloud: Cloud) -> None:
    dead_url, dead = cloud.queue()
    url, arn = cloud.queue(
        VisibilityTimeout="1", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    )
    function = cloud.function('raise Failed("Refused", "no")')
    _pipe(cloud, arn, function)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="poison")
    message = cloud.receive(dead_url)
    assert message["Body"] == "poison"
    assert message["Attributes"]["ApproximateReceiveCount"] == "3"


def test_a_partial_batch_response_keeps_the_failed_messages_only(cloud: Cloud) -> None:
    dead_url, dead = cloud.queue()
    url, arn = cloud.queue(
        VisibilityTimeout="1", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    )
    function = cloud.function(
        'answer = {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event if r["body"] == "bad"]}'
    )
    cloud.client("sqs").send_message_batch(
        QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "good"}, {"Id": "2", "MessageBody": "bad"}]
    )
    _pipe(cloud, arn, function)
    assert cloud.receive(dead_url)["Body"] == "bad"
    assert _depth(cloud, url) == 0


def test_a_missing_state_machine_leaves_the_message_in_the_queue(cloud: Cloud) -> None:
    url, arn = cloud.queue(VisibilityTimeout="1")
    machine = cloud.state_machine(ECHO)
    cloud.client("stepfunctions").delete_state_machine(stateMachineArn=machine)
    pipe = _pipe(cloud, arn, machine)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    again = cloud.state_machine(ECHO)
    cloud.client("pipes").update_pipe(Name=pipe, RoleArn=ROLE, Target=again)
    until(lambda: _bodies(cloud, again) == ["kept"], what="the redelivery")


def test_stop_and_start_take_a_while_and_refuse_each_other(cloud: Cloud) -> None:
    pipes = cloud.client("pipes")
    _, arn = cloud.queue()
    pipe = _pipe(cloud, arn, cloud.state_machine(ECHO))
    assert pipes.stop_pipe(Name=pipe)["CurrentState"] == "STOPPING"
    with pytest.raises(pipes.exceptions.ConflictException):
        pipes.start_pipe(Name=pipe)
    described = pipes.describe_pipe(Name=pipe)
    assert (described["CurrentState"], described["DesiredState"]) == ("STOPPING", "STOPPED")
    until(lambda: _state(cloud, pipe) == "STOPPED")
    assert pipes.start_pipe(Name=pipe)["CurrentState"] == "STARTING"
    with pytest.raises(pipes.exceptions.ConflictException):
        pipes.stop_pipe(Name=pipe)
    until(lambda: _state(cloud, pipe) == "RUNNING")


def test_upstream_still_stops_at_once(stock: Cloud) -> None:
    _, arn = stock.queue()
    pipe = _pipe(stock, arn, stock.state_machine(ECHO))
    assert stock.client("pipes").stop_pipe(Name=pipe)["CurrentState"] == "STOPPED"


def test_a_stopped_pipe_hands_over_what_it_had_polled(cloud: Cloud) -> None:
    # Every hand-over fails, so there is always something to poll; the receive count tells of each attempt.
    url, arn = cloud.queue(VisibilityTimeout="0")
    refused_url, _ = cloud.queue()
    function = cloud.function(
        "import boto3\n"
        f'sqs = boto3.client("sqs")\n'
        f'sqs.send_message(QueueUrl="{refused_url}", MessageBody=event[0]["attributes"]["ApproximateReceiveCount"])\n'
        'raise Failed("Refused", "no")',
        concurrency=1,
    )
    pipe = _pipe(cloud, arn, function)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="again and again")
    cloud.receive(refused_url)
    cloud.client("pipes").stop_pipe(Name=pipe)
    until(lambda: _state(cloud, pipe) == "STOPPED")
    stopped = time.time() * 1000

    def stray_seconds() -> float:
        """How long after the stop the function was called; what was under way then took much less."""
        return (int(cloud.receive(refused_url)["Attributes"]["SentTimestamp"]) - stopped) / 1000

    until(lambda: stray_seconds() > 0.5, what="the stray hand-over")


def test_a_restarted_pipe_goes_on(cloud: Cloud) -> None:
    pipes = cloud.client("pipes")
    url, arn = cloud.queue()
    machine = cloud.state_machine(ECHO)
    pipe = _pipe(cloud, arn, machine, DesiredState="STOPPED")
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="while stopped")
    assert _bodies(cloud, machine) == []
    pipes.start_pipe(Name=pipe)
    until(lambda: _bodies(cloud, machine) == ["while stopped"])


def test_parameters_are_described_and_updated(cloud: Cloud) -> None:
    pipes = cloud.client("pipes")
    _, arn = cloud.queue()
    source = {"SqsQueueParameters": {"BatchSize": 1}}
    target = {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}
    pipe = _pipe(cloud, arn, cloud.state_machine(ECHO), SourceParameters=source, TargetParameters=target)
    described = pipes.describe_pipe(Name=pipe)
    assert (described["SourceParameters"], described["TargetParameters"]) == (source, target)
    pipes.update_pipe(Name=pipe, RoleArn=ROLE, SourceParameters={"SqsQueueParameters": {"BatchSize": 5}})
    described = pipes.describe_pipe(Name=pipe)
    assert described["SourceParameters"]["SqsQueueParameters"]["BatchSize"] == 5
    assert described["TargetParameters"] == target


def test_a_stack_creates_a_pipe_and_its_update_does_not_start_a_stopped_one(cloud: Cloud) -> None:
    cloudformation, pipes = cloud.client("cloudformation"), cloud.client("pipes")
    _, arn = cloud.queue()
    name, stack = unique("pipe"), unique("stack")
    properties = {
        "Name": name,
        "RoleArn": ROLE,
        "Source": arn,
        "Target": cloud.state_machine(ECHO),
        "SourceParameters": {"SqsQueueParameters": {"BatchSize": 1}},
    }

    def deploy(action: str) -> None:
        template = {"Resources": {"Pipe": {"Type": "AWS::Pipes::Pipe", "Properties": properties}}}
        getattr(cloudformation, f"{action}_stack")(StackName=stack, TemplateBody=json.dumps(template))
        cloudformation.get_waiter(f"stack_{action}_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    deploy("create")
    assert pipes.describe_pipe(Name=name)["SourceParameters"] == properties["SourceParameters"]
    pipes.stop_pipe(Name=name)
    until(lambda: _state(cloud, name) == "STOPPED")
    properties["TargetParameters"] = {"InputTemplate": '{"body": "<$.body>"}'}
    deploy("update")
    described = pipes.describe_pipe(Name=name)
    assert described["TargetParameters"] == properties["TargetParameters"]
    assert described["CurrentState"] == "STOPPED"


def test_an_event_bus_is_a_target(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    seen_url, seen = cloud.queue()
    events = cloud.client("events")
    bus, rule = unique("bus"), unique("rule")
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({"source": ["intents"]}))
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "queue", "Arn": seen}])
    parameters = {
        "EventBridgeEventBusParameters": {"Source": "intents", "DetailType": "Accepted"},
        "InputTemplate": '{"given": <$.body>}',
    }
    _pipe(cloud, arn, bus_arn, TargetParameters=parameters)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody='{"a": 1}')
    event = json.loads(cloud.receive(seen_url)["Body"])
    assert (event["detail-type"], event["detail"]) == ("Accepted", {"given": {"a": 1}})
    assert event["account"] == ACCOUNT
