"""Metrics and alarms."""

import datetime
import json
import time

import pytest
from botocore.exceptions import ClientError
from conftest import Cloud, unique, until

SHORT = 10


def _dimensions(name: str) -> list[dict]:
    return [{"Name": "Machine", "Value": name}]


def _put(cloud: Cloud, metric: str, value: float, dimension: str = "a", namespace: str = "Tests") -> None:
    data = {"MetricName": metric, "Value": value, "Dimensions": _dimensions(dimension)}
    cloud.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])


def _alarm(cloud: Cloud, metric: str, **more: object) -> str:
    name = unique("alarm")
    settings = {
        "Namespace": "Tests",
        "MetricName": metric,
        "Dimensions": _dimensions("a"),
        "Statistic": "Sum",
        "Period": SHORT,
        "EvaluationPeriods": 1,
        "Threshold": 3,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        **more,
    }
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name, **{key: value for key, value in settings.items() if value is not None}
    )
    return name


def _stat(name: str, metric: str) -> dict:
    metric_stat = {"Namespace": "Tests", "MetricName": metric, "Dimensions": _dimensions("a")}
    return {"Id": name, "ReturnData": False, "MetricStat": {"Metric": metric_stat, "Period": SHORT, "Stat": "Sum"}}


def _state(cloud: Cloud, name: str) -> str:
    [alarm] = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return alarm["StateValue"]


def _becomes(cloud: Cloud, name: str, state: str, seconds: float = 45) -> None:
    until(lambda: _state(cloud, name) == state, seconds, f"{name} in {state}")


def _history(cloud: Cloud, name: str) -> list[str]:
    items = cloud.client("cloudwatch").describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    return [item["HistorySummary"] for item in items]


def _alarm_events(cloud: Cloud, name: str) -> str:
    url, queue = cloud.queue()
    rule = unique("rule")
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": [name]}}
    cloud.client("events").put_rule(Name=rule, EventPattern=json.dumps(pattern))
    cloud.client("events").put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue}])
    return url


FAILURES = "SUM([f, t, a])"


def test_an_alarm_on_metric_math_opens_tells_and_recovers(cloud: Cloud) -> None:
    metric = unique("metric")
    expression = {"Id": "failures", "Expression": FAILURES, "Label": "failures", "ReturnData": True}
    metrics = [expression, _stat("f", f"{metric}-f"), _stat("t", f"{metric}-t"), _stat("a", f"{metric}-a")]
    plain = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period"))
    topic = cloud.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
    noticed_url, noticed = cloud.queue()
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=noticed)
    called_url, _ = cloud.queue()
    function = cloud.function(
        f'import boto3\nboto3.client("sqs").send_message(QueueUrl="{called_url}", MessageBody=json.dumps(event))'
    )
    alarm = _alarm(cloud, metric, Metrics=metrics, AlarmActions=[topic, function], **plain)
    _becomes(cloud, alarm, "OK")
    events = _alarm_events(cloud, alarm)
    for kind in ("f", "f", "t"):
        _put(cloud, f"{metric}-{kind}", 1)
    event = json.loads(cloud.receive(events)["Body"])
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["source"] == "aws.cloudwatch"
    assert event["resources"][0].endswith(f":alarm:{alarm}")
    assert event["detail"]["state"]["value"] == "ALARM"
    assert event["detail"]["previousState"]["value"] == "OK"
    assert event["detail"]["configuration"]["metrics"][0]["expression"] == FAILURES
    assert event["detail"]["configuration"]["metrics"][1]["metricStat"]["period"] == SHORT
    assert json.loads(json.loads(cloud.receive(noticed_url)["Body"])["Message"])["NewStateValue"] == "ALARM"
    assert json.loads(cloud.receive(called_url)["Body"])["alarmData"]["state"]["value"] == "ALARM"
    assert json.loads(cloud.receive(events)["Body"])["detail"]["state"]["value"] == "OK"


def test_upstream_still_ignores_metric_math(stock: Cloud) -> None:
    plain = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period"))
    alarm = _alarm(stock, "m", Metrics=[{**_stat("f", "m"), "ReturnData": True}], **plain)
    [described] = stock.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    assert not described.get("Metrics")


def test_dimensions_are_kept_apart(cloud: Cloud) -> None:
    metric = unique("metric")
    alarm = _alarm(cloud, metric)
    other = _alarm(cloud, metric, Dimensions=_dimensions("other"))
    _put(cloud, metric, 5, "other")
    _becomes(cloud, other, "ALARM")
    assert _history(cloud, alarm).count("Alarm updated from OK to ALARM") == 0


def test_upstream_still_mixes_dimensions(stock: Cloud) -> None:
    metric = unique("metric")
    alarm = _alarm(stock, metric)
    _put(stock, metric, 5, "other")
    assert _state(stock, alarm) == "ALARM"


def test_m_of_n_periods_must_breach(cloud: Cloud) -> None:
    metric = unique("metric")
    two_of_three = _alarm(cloud, metric, Period=10, EvaluationPeriods=3, DatapointsToAlarm=2)
    one_of_three = _alarm(cloud, metric, Period=10, EvaluationPeriods=3, DatapointsToAlarm=1)
    _put(cloud, metric, 5)
    _becomes(cloud, one_of_three, "ALARM")
    assert _state(cloud, two_of_three) == "OK"
    started = time.time() // 10

    def next_period() -> bool:
        return time.time() // 10 > started

    until(next_period, 11)
    _put(cloud, metric, 5)
    _becomes(cloud, two_of_three, "ALARM")


@pytest.mark.parametrize(
    ("treatment", "state"),
    [("notBreaching", "OK"), ("breaching", "ALARM"), ("missing", "INSUFFICIENT_DATA"), ("ignore", "INSUFFICIENT_DATA")],
)
def test_missing_data_is_treated_as_told(cloud: Cloud, treatment: str, state: str) -> None:
    _becomes(cloud, _alarm(cloud, unique("metric"), TreatMissingData=treatment), state)


def test_an_expression_that_is_not_understood_is_refused(cloud: Cloud) -> None:
    metrics = [{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(f, 2)", "ReturnData": True}, _stat("f", "m")]
    plain = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period"))
    with pytest.raises(ClientError, match="ANOMALY_DETECTION_BAND"):
        _alarm(cloud, "m", Metrics=metrics, **plain)


def test_a_stack_has_an_alarm_on_metric_math(cloud: Cloud) -> None:
    cloudformation, alarm = cloud.client("cloudformation"), unique("alarm")
    properties = {
        "AlarmName": alarm,
        "EvaluationPeriods": 1,
        "Threshold": 3,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "Metrics": [{"Id": "all", "Expression": "SUM([f])", "ReturnData": True}, _stat("f", "m")],
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    stack = unique("stack")
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    [described] = cloud.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    assert [query["Id"] for query in described["Metrics"]] == ["all", "f"]


def _data(cloud: Cloud, *queries: dict) -> dict[str, list[float]]:
    now = datetime.datetime.now(datetime.UTC)
    results = cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=list(queries),
        StartTime=now - datetime.timedelta(minutes=2),
        EndTime=now + datetime.timedelta(seconds=10),
    )["MetricDataResults"]
    return {result["Id"]: result["Values"] for result in results}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", 8),
        ("a - b * 2", 2),
        ("(a + b) / b", 4),
        ("a / 0", None),
        ("SUM([a, b])", 8),
        ("MAX([a, b])", 6),
        ("AVG(METRICS())", 4),
        ("IF(a > 5 AND b < 5, 1, 0)", 1),
        ("IF(a == 5 OR b >= 3, 1, 0)", 0),
        ("-a + ABS(-3)", -3),
        ("SUM([a, missing, b])", 8),
        ("SUM([missing])", None),
        ("FILL(a, 0) + b", 8),
        ("FILL(missing, 7)", None),
        ("FILL(missing, 7) + a", None),
        ("e2 * 2", 12),
    ],
)
def test_metric_math(cloud: Cloud, expression: str, expected: float | None) -> None:
    metric = unique("metric")
    moment = datetime.datetime.now(datetime.UTC)
    data = [
        {"MetricName": f"{metric}-{name}", "Value": value, "Dimensions": _dimensions("a"), "Timestamp": moment}
        for name, value in (("a", 6), ("b", 2))
    ]
    cloud.client("cloudwatch").put_metric_data(Namespace="Tests", MetricData=data)
    queries = [_stat("a", f"{metric}-a"), _stat("b", f"{metric}-b"), _stat("missing", f"{metric}-missing")]
    if "e2" in expression:
        queries.append({"Id": "e2", "Expression": "FILL(a, 0)", "ReturnData": False})
    values = _data(cloud, {"Id": "e1", "Expression": expression}, *queries)["e1"]
    if expected is None:
        assert values == []
    else:
        assert expected in values


def test_log_lines_in_the_embedded_format_become_metrics(cloud: Cloud) -> None:
    namespace = unique("Tests")
    metrics = [{"Name": "subscriptions", "Unit": "Count"}]
    directive = {"Namespace": namespace, "Dimensions": [["outcome"]], "Metrics": metrics}
    document = {"_aws": {"CloudWatchMetrics": [directive]}, "outcome": "active", "subscriptions": 2}
    line = json.dumps(document)
    function = cloud.function(f"document = json.loads({line!r})\nprint(json.dumps(document))")
    cloud.client("lambda").invoke(FunctionName=function)
    assert _sum(cloud, namespace, "subscriptions", [{"Name": "outcome", "Value": "active"}]) == 2


def test_upstream_still_makes_no_metric_of_a_log_line(stock: Cloud) -> None:
    line = '{"_aws": {"CloudWatchMetrics": [{"Namespace": "Emf", "Metrics": [{"Name": "m"}]}]}, "m": 1}'
    stock.client("lambda").invoke(FunctionName=stock.function(f"print({line!r})"))
    assert _sum(stock, "Emf", "m", []) is None


def _sum(cloud: Cloud, namespace: str, metric: str, dimensions: list[dict], statistic: str = "Sum") -> float | None:
    now = datetime.datetime.now(datetime.UTC)
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=dimensions,
        StartTime=now - datetime.timedelta(minutes=5),
        EndTime=now + datetime.timedelta(minutes=5),
        Period=60,
        Statistics=[statistic],
    )["Datapoints"]
    return max((point[statistic] for point in points), default=None)


def test_queues_have_depth_and_age(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="waiting")
    dimensions = [{"Name": "QueueName", "Value": arn.rsplit(":", 1)[1]}]

    def largest(metric: str) -> float | None:
        return _sum(cloud, "AWS/SQS", metric, dimensions, "Maximum")

    until(lambda: largest("ApproximateNumberOfMessagesVisible") == 1)
    until(lambda: (largest("ApproximateAgeOfOldestMessage") or 0) > 1)


def test_upstream_still_has_no_queue_metrics(stock: Cloud) -> None:
    stock.queue()
    assert not stock.client("cloudwatch").list_metrics(Namespace="AWS/SQS")["Metrics"]


def test_upstream_still_counts_no_executions(stock: Cloud) -> None:
    stock.run({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    assert not stock.client("cloudwatch").list_metrics(Namespace="AWS/States")["Metrics"]
