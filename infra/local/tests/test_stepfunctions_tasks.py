"""Tasks that call AWS services."""

import json

import pytest
from conftest import ROLE, Cloud, unique, until


def _task(resource: str, arguments: dict, **more: object) -> dict:
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, "End": True, **more}
    return {"StartAt": "Task", "States": {"Task": task}}


def _result(cloud: Cloud, resource: str, arguments: dict) -> dict:
    execution = cloud.run(_task(resource, arguments))
    assert execution["status"] == "SUCCEEDED", (execution.get("error"), execution.get("cause"))
    return json.loads(execution["output"])


def _table(cloud: Cloud) -> str:
    name = unique("table")
    cloud.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def _stopped_pipe(cloud: Cloud) -> str:
    _, source = cloud.queue()
    _, target = cloud.queue()
    name = unique("pipe")
    cloud.client("pipes").create_pipe(Name=name, RoleArn=ROLE, Source=source, Target=target, DesiredState="STOPPED")
    return name


def test_any_service_of_the_sdk_can_be_called(cloud: Cloud) -> None:
    pipe = _stopped_pipe(cloud)
    answer = _result(cloud, "aws-sdk:pipes:describePipe", {"Name": pipe})
    assert (answer["Name"], answer["CurrentState"]) == (pipe, "STOPPED")
    assert answer["CreationTime"].endswith("Z")
    assert _result(cloud, "aws-sdk:pipes:startPipe", {"Name": pipe})["DesiredState"] == "RUNNING"


def test_upstream_still_does_not_know_pipes(stock: Cloud) -> None:
    execution = stock.run(_task("aws-sdk:pipes:describePipe", {"Name": _stopped_pipe(stock)}))
    assert execution["error"] == "States.Runtime"


def test_errors_are_named_like_the_sdks_exceptions(cloud: Cloud) -> None:
    pipe = _stopped_pipe(cloud)
    cloud.client("pipes").start_pipe(Name=pipe)
    assert cloud.run(_task("aws-sdk:pipes:stopPipe", {"Name": pipe}))["error"] == "Pipes.ConflictException"
    assert cloud.run(_task("aws-sdk:pipes:stopPipe", {"Name": "none"}))["error"] == "Pipes.NotFoundException"
    missing = _task("aws-sdk:ssm:getParameter", {"Name": "/none"})
    assert cloud.run(missing)["error"] == "Ssm.ParameterNotFoundException"
    queue = _task("aws-sdk:sqs:getQueueUrl", {"QueueName": "none"})
    assert cloud.run(queue)["error"] == "Sqs.QueueDoesNotExistException"


def test_a_parameter_of_ssm_is_put_and_read(cloud: Cloud) -> None:
    name = f"/{unique('parameter')}"
    _result(cloud, "aws-sdk:ssm:putParameter", {"Name": name, "Value": "closed", "Type": "String", "Overwrite": True})
    assert _result(cloud, "aws-sdk:ssm:getParameter", {"Name": name})["Parameter"]["Value"] == "closed"


def test_an_execution_is_described_and_started(cloud: Cloud) -> None:
    machine = cloud.state_machine({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    started = _result(cloud, "aws-sdk:sfn:startExecution", {"StateMachineArn": machine, "Input": "{}"})
    cloud.ended(started["ExecutionArn"])
    answer = _result(cloud, "aws-sdk:sfn:describeExecution", {"ExecutionArn": started["ExecutionArn"]})
    assert answer["Status"] == "SUCCEEDED"


def test_alarms_are_described(cloud: Cloud) -> None:
    name = unique("alarm")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    answer = _result(cloud, "aws-sdk:cloudwatch:describeAlarms", {"AlarmNames": [name]})
    assert answer["MetricAlarms"][0]["StateValue"] == "INSUFFICIENT_DATA"
    assert answer["MetricAlarms"][0]["Threshold"] == 1


def _claim(table: str, resource: str = "dynamodb:updateItem", **more: object) -> dict:
    arguments = {
        "TableName": table,
        "Key": {"pk": {"S": "one"}},
        "UpdateExpression": "SET #n = #n + :one",
        "ConditionExpression": "#n < :limit",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":one": {"N": "{% $string(1) %}"}, ":limit": {"N": "30"}},
        "ReturnValues": "ALL_NEW",
    }
    return _task(resource, arguments, **more)


def test_conditions_of_tables_hold_when_many_executions_write_at_once(cloud: Cloud) -> None:
    table = _table(cloud)
    cloud.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": "one"}, "n": {"N": "0"}})
    machine = cloud.state_machine(_claim(table))
    start = cloud.client("stepfunctions").start_execution
    executions = [start(stateMachineArn=machine)["executionArn"] for _ in range(60)]
    ended = [cloud.ended(execution) for execution in executions]
    assert sum(execution["status"] == "SUCCEEDED" for execution in ended) == 30
    assert {execution.get("error") for execution in ended} == {None, "DynamoDB.ConditionalCheckFailedException"}
    written = sorted(int(json.loads(e["output"])["Attributes"]["n"]["N"]) for e in ended if e["status"] == "SUCCEEDED")
    assert written == list(range(1, 31))


def test_a_failed_condition_has_two_names(cloud: Cloud) -> None:
    table = _table(cloud)
    cloud.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": "one"}, "n": {"N": "30"}})
    assert cloud.run(_claim(table))["error"] == "DynamoDB.ConditionalCheckFailedException"
    sdk = _claim(table, "aws-sdk:dynamodb:updateItem")
    assert cloud.run(sdk)["error"] == "DynamoDb.ConditionalCheckFailedException"


def test_items_are_put_read_and_deleted(cloud: Cloud) -> None:
    table = _table(cloud)
    key = {"pk": {"S": "a"}}
    _result(cloud, "dynamodb:putItem", {"TableName": table, "Item": {**key, "ok": {"BOOL": True}}})
    read = {"TableName": table, "Key": key, "ConsistentRead": True}
    assert _result(cloud, "dynamodb:getItem", read)["Item"]["ok"] == {"BOOL": True}
    _result(cloud, "dynamodb:deleteItem", {"TableName": table, "Key": key})
    assert "Item" not in _result(cloud, "dynamodb:getItem", read)


def test_upstream_still_writes_from_the_executions_thread(stock: Cloud) -> None:
    """Its optimized tasks do not go through the request handler, which is what makes a condition atomic."""
    import inspect

    from ministack.services import stepfunctions

    assert "dynamodb._update_item" in inspect.getsource(stepfunctions._invoke_dynamodb)
    assert stock.run(_claim(_table(stock)))["error"] == "DynamoDB.ConditionalCheckFailedException"


ATTRIBUTES = {"reason": {"DataType": "String", "StringValue": "poison"}}


@pytest.mark.parametrize("resource", ["sqs:sendMessage", "aws-sdk:sqs:sendMessage"])
def test_a_message_is_sent_with_its_attributes(cloud: Cloud, resource: str) -> None:
    url, _ = cloud.queue()
    answer = _result(cloud, resource, {"QueueUrl": url, "MessageBody": "body", "MessageAttributes": ATTRIBUTES})
    message = cloud.receive(url)
    assert message["MessageId"] == answer["MessageId"]
    assert message["Body"] == "body"
    assert message["MessageAttributes"]["reason"]["StringValue"] == "poison"


def _published(cloud: Cloud, resource: str) -> dict:
    url, queue = cloud.queue()
    topic = cloud.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
    cloud.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"}
    )
    _result(cloud, resource, {"TopicArn": topic, "Message": {"state": "open"}, "MessageAttributes": ATTRIBUTES})
    return cloud.receive(url)


def test_a_notice_is_published_with_its_attributes(cloud: Cloud) -> None:
    message = _published(cloud, "sns:publish")
    assert json.loads(message["Body"]) == {"state": "open"}
    assert message["MessageAttributes"]["reason"]["StringValue"] == "poison"


def test_upstream_still_drops_the_attributes_of_a_notice(stock: Cloud) -> None:
    assert "MessageAttributes" not in _published(stock, "sns:publish")


def test_an_event_is_put_on_a_bus(cloud: Cloud) -> None:
    url, queue = cloud.queue()
    rule = unique("rule")
    cloud.client("events").put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    cloud.client("events").put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue}])
    entry = {"Source": rule, "DetailType": "Changed", "Detail": {"a": 1}}
    _result(cloud, "events:putEvents", {"Entries": [entry]})
    assert json.loads(cloud.receive(url)["Body"])["detail"] == {"a": 1}


def test_an_error_of_a_function_is_its_type(cloud: Cloud) -> None:
    function = cloud.function('raise Failed("Retryable", "the provider is down")')
    task = _task("lambda:invoke", {"FunctionName": function, "Payload": {}})
    execution = cloud.run(task)
    assert execution["error"] == "Retryable"
    assert json.loads(execution["cause"])["errorMessage"] == "the provider is down"
    answer = _result(cloud, "lambda:invoke", {"FunctionName": cloud.function("answer = event"), "Payload": {"a": 1}})
    assert answer["Payload"] == {"a": 1}


def test_metrics_count_executions_per_state_machine(cloud: Cloud) -> None:
    fails = cloud.state_machine({"StartAt": "No", "States": {"No": {"Type": "Fail"}}})
    cloud.ended(cloud.client("stepfunctions").start_execution(stateMachineArn=fails)["executionArn"])
    assert until(lambda: _sum(cloud, fails, "ExecutionsFailed")) == 1
    assert _sum(cloud, fails, "ExecutionsStarted") == 1
    assert _sum(cloud, fails, "ExecutionsSucceeded") == 0


def _sum(cloud: Cloud, machine: str, name: str) -> float:
    import datetime

    now = datetime.datetime.now(datetime.UTC)
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/States",
        MetricName=name,
        Dimensions=[{"Name": "StateMachineArn", "Value": machine}],
        StartTime=now - datetime.timedelta(minutes=5),
        EndTime=now + datetime.timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)
