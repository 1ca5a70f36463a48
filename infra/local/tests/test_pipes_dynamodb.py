"""Pipes with a DynamoDB stream as their source."""

import json

import pytest
from conftest import ROLE, Cloud, unique, until

ECHO = {"StartAt": "Echo", "States": {"Echo": {"Type": "Pass", "End": True}}}
CHANGED = {"dynamodb": {"NewImage": {"changed": {"S": [{"exists": True}]}}}}
TEMPLATE = '{"id": "<$.dynamodb.NewImage.pk.S>", "count": <$.dynamodb.NewImage.count.N>}'


def _table(cloud: Cloud) -> tuple[str, str]:
    """A new table and its stream."""
    name = unique("table")
    stream = cloud.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    return name, stream


def _put(cloud: Cloud, table: str, pk: str, **attributes: dict) -> None:
    cloud.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": pk}, **attributes})


def _pipe(cloud: Cloud, stream: str, target: str, filters: object = None, source: dict | None = None, **more) -> str:
    name = unique("pipe")
    parameters = {"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": 10, **(source or {})}}
    if filters:
        parameters["FilterCriteria"] = {"Filters": [{"Pattern": json.dumps(filters)}]}
    cloud.client("pipes").create_pipe(
        Name=name, RoleArn=ROLE, Source=stream, Target=target, SourceParameters=parameters, **more
    )
    return name


def _bus(cloud: Cloud) -> tuple[str, str]:
    """A new bus, and a queue that hears all that pipes put on it: the bus's ARN, the queue's URL."""
    events, bus, (url, queue) = cloud.client("events"), unique("bus"), cloud.queue()
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    events.put_rule(Name=bus, EventBusName=bus, EventPattern=json.dumps({"source": ["tests"]}))
    events.put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue}])
    return arn, url


def _inputs(cloud: Cloud, machine: str) -> list[list]:
    """What the executions of a state machine were started with, in no order."""
    client = cloud.client("stepfunctions")
    executions = client.list_executions(stateMachineArn=machine)["executions"]
    return [json.loads(client.describe_execution(executionArn=one["executionArn"])["input"]) for one in executions]


def test_a_changed_item_becomes_an_event_of_its_own_type(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    bus, heard = _bus(cloud)
    target = {
        "EventBridgeEventBusParameters": {"Source": "tests", "DetailType": "$.dynamodb.NewImage.changed.S"},
        "InputTemplate": TEMPLATE,
    }
    _pipe(cloud, stream, bus, CHANGED, TargetParameters=target)
    _put(cloud, table, "silent", count={"N": "1"})
    _put(cloud, table, "loud", count={"N": "2"}, changed={"S": "Opened"})
    event = json.loads(cloud.receive(heard)["Body"])
    assert (event["source"], event["detail-type"]) == ("tests", "Opened")
    # A number is a text in a stream, and a template leaves it one.
    assert event["detail"] == {"id": "loud", "count": "2"}


def test_filters_know_prefixes_and_the_kind_of_change(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    url, queue = cloud.queue()
    pattern = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "EVENT#"}]}}}}
    _pipe(cloud, stream, queue, pattern, TargetParameters={"InputTemplate": "<$.dynamodb.Keys.pk.S>"})
    for pk in ("ROW#1", "EVENT#1", "EVENT#1", "EVENT#2"):
        _put(cloud, table, pk, n={"S": unique("n")})
    assert [cloud.receive(url)["Body"] for _ in range(2)] == ["EVENT#1", "EVENT#2"]


def test_upstream_still_drops_the_parameters(stock: Cloud) -> None:
    table, stream = _table(stock)
    machine = stock.state_machine(ECHO)
    _pipe(stock, stream, machine, CHANGED, TargetParameters={"InputTemplate": TEMPLATE})
    _put(stock, table, "filtered")
    [[record]] = until(lambda: _inputs(stock, machine))
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "filtered"}}


def test_batches_keep_their_size_and_the_order_of_the_stream(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    for n in range(7):
        _put(cloud, table, f"item {n}")
    machine = cloud.state_machine(ECHO)
    _pipe(cloud, stream, machine, source={"BatchSize": 3})
    batches = until(lambda: (found := _inputs(cloud, machine)) and sum(map(len, found)) == 7 and found)
    keys = sorted([record["dynamodb"]["Keys"]["pk"]["S"] for record in batch] for batch in batches)
    assert keys == [["item 0", "item 1", "item 2"], ["item 3", "item 4", "item 5"], ["item 6"]]


def test_latest_leaves_out_what_was_there_before(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    _put(cloud, table, "before")
    url, queue = cloud.queue()
    source, target = {"StartingPosition": "LATEST"}, {"InputTemplate": "<$.dynamodb.Keys.pk.S>"}
    _pipe(cloud, stream, queue, source=source, TargetParameters=target)
    _put(cloud, table, "after")
    assert cloud.receive(url)["Body"] == "after"


def test_a_stopped_pipe_goes_on_where_it_was(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    url, queue = cloud.queue()
    pipes = cloud.client("pipes")
    pipe = _pipe(cloud, stream, queue, TargetParameters={"InputTemplate": "<$.dynamodb.Keys.pk.S>"})
    _put(cloud, table, "one")
    assert cloud.receive(url)["Body"] == "one"
    pipes.stop_pipe(Name=pipe)
    until(lambda: pipes.describe_pipe(Name=pipe)["CurrentState"] == "STOPPED")
    _put(cloud, table, "two")
    pipes.start_pipe(Name=pipe)
    assert cloud.receive(url)["Body"] == "two"


def test_an_enrichment_makes_the_event_and_escapes_what_a_template_would_not(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    bus, heard = _bus(cloud)
    image = "$states.input[0].dynamodb.NewImage"
    made = f'[{{"name": "Made", "data": {{"why": {image}.why.S, "n": $number({image}.n.N)}}}}]'
    machine = cloud.state_machine(
        {"StartAt": "Make", "States": {"Make": {"Type": "Pass", "Output": f"{{% {made} %}}", "End": True}}}
    )
    target = {
        "EventBridgeEventBusParameters": {"Source": "tests", "DetailType": "$.name"},
        "InputTemplate": '{"version": 1, "data": <$.data>}',
    }
    _pipe(cloud, stream, bus, Enrichment=machine, TargetParameters=target)
    why = 'it said "no" \\ twice\nand more'
    _put(cloud, table, "one", why={"S": why}, n={"N": "7"})
    event = json.loads(cloud.receive(heard)["Body"])
    assert event["detail-type"] == "Made"
    assert event["detail"] == {"version": 1, "data": {"why": why, "n": 7}}


def test_an_enrichment_that_answers_nothing_is_a_filter(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    url, queue = cloud.queue()
    function = cloud.function('answer = [r["dynamodb"]["Keys"] for r in event if "keep" in r["dynamodb"]["NewImage"]]')
    _pipe(cloud, stream, queue, Enrichment=function)
    _put(cloud, table, "dropped")
    _put(cloud, table, "kept", keep={"BOOL": True})
    assert json.loads(cloud.receive(url)["Body"]) == {"pk": {"S": "kept"}}


def test_a_template_does_not_escape_and_what_it_breaks_is_given_up(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    url, queue = cloud.queue()
    dead_url, dead = cloud.queue()
    source = {"MaximumRetryAttempts": 1, "DeadLetterConfig": {"Arn": dead}}
    pipe = _pipe(
        cloud, stream, queue, source=source, TargetParameters={"InputTemplate": '{"pk": "<$.dynamodb.Keys.pk.S>"}'}
    )
    for pk in ("first", 'a "quoted" one', "last"):
        _put(cloud, table, pk)
    told = json.loads(cloud.receive(dead_url)["Body"])
    assert told["context"]["partnerResourceArn"].endswith(f":pipe/{pipe}")
    assert told["context"]["condition"] == "RetryAttemptsExhausted"
    assert (told["DDBStreamBatchInfo"]["batchSize"], told["DDBStreamBatchInfo"]["streamArn"]) == (1, stream)
    assert [json.loads(cloud.receive(url)["Body"])["pk"] for _ in range(2)] == ["first", "last"]


@pytest.mark.parametrize("bisects", [True, False])
def test_a_batch_that_fails_is_tried_again_whole_or_in_halves(cloud: Cloud, bisects: bool) -> None:
    table, stream = _table(cloud)
    seen_url, _ = cloud.queue()
    dead_url, dead = cloud.queue()
    function = cloud.function(
        "import boto3\n"
        'keys = [r["dynamodb"]["Keys"]["pk"]["S"] for r in event]\n'
        'if "bad" in keys: raise Failed("Refused", "no")\n'
        f'boto3.client("sqs").send_message(QueueUrl="{seen_url}", MessageBody=json.dumps(keys))\n'
    )
    for pk in ("one", "bad", "two", "three"):
        _put(cloud, table, pk)
    source = {"MaximumRetryAttempts": 1, "DeadLetterConfig": {"Arn": dead}, "BatchSize": 4}
    if bisects:
        source["OnPartialBatchItemFailure"] = "AUTOMATIC_BISECT"
    _pipe(cloud, stream, function, source=source)
    told = json.loads(cloud.receive(dead_url)["Body"])["DDBStreamBatchInfo"]
    assert told["batchSize"] == (1 if bisects else 4)
    _put(cloud, table, "four")
    heard = [json.loads(cloud.receive(seen_url)["Body"])]
    while heard[-1] != ["four"]:
        heard.append(json.loads(cloud.receive(seen_url)["Body"]))
    assert heard == ([["one"], ["two", "three"], ["four"]] if bisects else [["four"]])


def test_what_a_target_refuses_in_part_is_tried_again_without_the_rest(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    seen_url, _ = cloud.queue()
    function = cloud.function(
        "import boto3\n"
        'keys = [r["dynamodb"]["Keys"]["pk"]["S"] for r in event]\n'
        f'boto3.client("sqs").send_message(QueueUrl="{seen_url}", MessageBody=json.dumps(keys))\n'
        'bad = [r["eventID"] for r in event if r["dynamodb"]["Keys"]["pk"]["S"] == "bad"]\n'
        'answer = {"batchItemFailures": [{"itemIdentifier": i} for i in bad]}'
    )
    for pk in ("good", "bad"):
        _put(cloud, table, pk)
    _pipe(cloud, stream, function, source={"MaximumRetryAttempts": 1})
    assert [json.loads(cloud.receive(seen_url)["Body"]) for _ in range(2)] == [["good", "bad"], ["bad"]]


def test_a_missing_bus_keeps_the_record_until_it_is_there(cloud: Cloud) -> None:
    table, stream = _table(cloud)
    bus, heard = _bus(cloud)
    target = {"EventBridgeEventBusParameters": {"Source": "tests"}}
    pipe = _pipe(cloud, stream, bus + "-missing", TargetParameters=target)
    _put(cloud, table, "kept")
    cloud.client("pipes").update_pipe(Name=pipe, RoleArn=ROLE, Target=bus)
    event = json.loads(cloud.receive(heard)["Body"])
    assert event["detail-type"] == "Event from aws:dynamodb"
    assert event["detail"]["dynamodb"]["Keys"] == {"pk": {"S": "kept"}}


def test_a_batch_that_the_bus_would_not_take_is_refused_at_once(cloud: Cloud) -> None:
    _, stream = _table(cloud)
    bus, _ = _bus(cloud)
    with pytest.raises(cloud.client("pipes").exceptions.ValidationException, match="BatchSize is larger"):
        _pipe(cloud, stream, bus, source={"BatchSize": 11})


def test_a_stack_creates_table_bus_and_pipe(cloud: Cloud) -> None:
    cloudformation, name, stack = cloud.client("cloudformation"), unique("t"), unique("stack")
    url, queue = cloud.queue()
    resources = {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["tests"]},
                "Targets": [{"Id": "queue", "Arn": queue}],
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
            },
        },
        "Pipe": {
            "Type": "AWS::Pipes::Pipe",
            "Properties": {
                "Name": name,
                "RoleArn": ROLE,
                "Source": {"Fn::GetAtt": "Table.StreamArn"},
                "SourceParameters": {"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": 1}},
                "Target": {"Fn::GetAtt": "Bus.Arn"},
                "TargetParameters": {"EventBridgeEventBusParameters": {"Source": "tests", "DetailType": "$.eventName"}},
            },
        },
    }
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps({"Resources": resources}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    _put(cloud, name, "new")
    assert json.loads(cloud.receive(url)["Body"])["detail-type"] == "INSERT"
