"""Alarms that are evaluated over time, with metric math, and tell of their changes.

Gap: an alarm is only evaluated when somebody puts metric data, over all dimensions of its metric, as one period; M of N
and missing data are ignored; alarms on metric math (`Metrics`) are dropped; no event reaches the event bus; functions
as actions are ignored; GetMetricData does not know expressions.
Real AWS: an alarm looks at the last N periods of its metric (one that still fills counts), each one breaching, not
breaching or missing; ALARM when M of them breach; every change is an event on the default bus and starts its actions.
Here: every alarm is evaluated each `LOCAL_AWS_ALARM_SECONDS` (1). Periods of 10 and 30 seconds are allowed for every
metric. Expressions: numbers, the four operators, comparisons, AND/OR, brackets, SUM, AVG, MIN, MAX, ABS, CEIL, FLOOR,
IF and FILL(m, number | REPEAT). An expression that is not understood fails PutMetricAlarm.
Unfaithful: AWS asks for more periods than N when data is missing, and evaluates some alarms only once a minute; here it
is the last N (an empty current period does not count as missing). FILL leaves a metric without any value in these
periods as it is (AWS: only one that was never published). Anomaly detection, SEARCH, RATE and the other functions do
not exist. Composite alarms are upstream's.
"""

import copy
import datetime
import json
import os
import threading
import time

from ministack import app
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch, eventbridge
from ministack.services.cloudformation import provisioners

from extension import metric_math

EVALUATION_SECONDS = float(os.environ.get("LOCAL_AWS_ALARM_SECONDS", "1"))

_BREACHES = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}

_upstream_put = cloudwatch._put_metric_alarm
_upstream_actions = cloudwatch._dispatch_alarm_actions
_upstream_get_data = cloudwatch._get_metric_data


def install() -> None:
    """Evaluate on a timer instead of on every datum; keep metric math; tell the event bus and functions."""
    cloudwatch._evaluate_alarm = lambda _alarm: None
    cloudwatch._put_metric_alarm = _put_metric_alarm
    cloudwatch._get_metric_data = _get_metric_data
    cloudwatch._dispatch_alarm_actions = _announce
    record = provisioners._cw_metric_alarm_record
    provisioners._cw_metric_alarm_record = lambda name, props: _cloudformation_record(record, name, props)
    threading.Thread(target=_evaluate_for_ever, name="alarms", daemon=True).start()


# ---- Definition ----------------------------------------------------------------------------------------------------


def _put_metric_alarm(params: dict, given: dict, is_cbor: bool, is_json: bool = False) -> tuple:
    metrics = given.get("Metrics")
    if metrics:
        try:
            _check(metrics)
        except metric_math.MetricMathError as error:
            return cloudwatch._error("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
    answer = _upstream_put(params, given, is_cbor, is_json)
    if metrics and answer[0] < 400:
        _set_metrics(cloudwatch._alarms[given["AlarmName"]], metrics)
    return answer


def _cloudformation_record(upstream, name: str, props: dict) -> dict:
    metrics = props.get("Metrics")
    if not metrics:
        return upstream(name, props)
    _check(metrics)
    others = {key: value for key, value in props.items() if key != "Metrics"}
    alarm = upstream(name, {**others, "MetricName": "-", "Namespace": "-"})
    _set_metrics(alarm, metrics)
    return alarm


def _check(metrics: list[dict]) -> None:
    """Raise `MetricMathError` unless the queries are understood and exactly one is looked at."""
    _compute(metrics, 0, 0, 60)
    if sum(_is_returned(query) for query in metrics) != 1:
        raise metric_math.MetricMathError("Exactly one element of the metrics list should return data.")


def _is_returned(query: dict) -> bool:
    return query.get("ReturnData", True) in (True, "true")


def _set_metrics(alarm: dict, metrics: list[dict]) -> None:
    for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit"):
        alarm.pop(key, None)
    alarm["Metrics"] = [{**copy.deepcopy(query), "ReturnData": _is_returned(query)} for query in metrics]
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            query["MetricStat"]["Period"] = int(query["MetricStat"]["Period"])


# ---- Series --------------------------------------------------------------------------------------------------------


def _series(stat: dict, start: float, end: float) -> metric_math.Series:
    """The values of one metric and statistic, by the starts of the periods from `start` to before `end`."""
    metric, period = stat["Metric"], int(stat["Period"])
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(metric.get("Dimensions") or []))
    by_period: dict[float, list] = {}
    for point in list(cloudwatch._metrics.get((metric["Namespace"], metric["MetricName"], dimensions)) or []):
        if start <= point["Timestamp"] < end:
            by_period.setdefault(point["Timestamp"] // period * period, []).append(point)
    values = {
        moment: cloudwatch._stat_value(cloudwatch._calc_stats(points), stat["Stat"], points)
        for moment, points in sorted(by_period.items())
    }
    return {moment: value for moment, value in values.items() if value is not None}


def _compute(queries: list[dict], start: float, end: float, period: int) -> dict[str, metric_math.Series]:
    """The series of every query by its id; expressions may refer to each other in any order."""
    grid = [start + index * period for index in range(round((end - start) / period))]
    series = {query["Id"]: _series(query["MetricStat"], start, end) for query in queries if "MetricStat" in query}
    waiting = {query["Id"]: query["Expression"] for query in queries if "Expression" in query}
    while waiting:
        done = {}
        for name, expression in waiting.items():
            try:
                done[name] = metric_math.evaluate(expression, grid, series)
            except metric_math.MetricMathError:
                if len(waiting) == 1:
                    raise
        if not done:
            raise metric_math.MetricMathError(f"None of {', '.join(waiting)} can be computed.")
        series |= done
        waiting = {name: expression for name, expression in waiting.items() if name not in done}
    return series


def _get_metric_data(params: dict, given: dict, is_cbor: bool, is_json: bool = False) -> tuple:
    """GetMetricData; queries without an expression stay upstream's."""
    queries = given.get("MetricDataQueries") or []
    if not any("Expression" in query for query in queries):
        return _upstream_get_data(params, given, is_cbor, is_json)
    periods = [int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query]
    period = min(periods + [int(query["Period"]) for query in queries if "Period" in query] or [60])
    start = cloudwatch._parse_ts(given["StartTime"]) // period * period
    end = -(-cloudwatch._parse_ts(given["EndTime"]) // period) * period
    try:
        series = _compute(queries, start, end, period)
    except metric_math.MetricMathError as error:
        return cloudwatch._error("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
    descending = given.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results = []
    for query in queries:
        if _is_returned(query):
            points = sorted(series[query["Id"]].items(), reverse=descending)
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label", query["Id"]),
                    "Timestamps": [cloudwatch._ts_iso(moment) for moment, _ in points],
                    "Values": [value for _, value in points],
                    "StatusCode": "Complete",
                }
            )
    if is_cbor:
        results = [cloudwatch._cbor_metric_data_result(result) for result in results]
        return cloudwatch._cbor_ok({"MetricDataResults": results})
    return cloudwatch._json_ok({"MetricDataResults": results})


# ---- Evaluation ----------------------------------------------------------------------------------------------------


def _evaluate_for_ever() -> None:
    while True:
        for (account, region, name), alarm in list(cloudwatch._alarms.all_items()):
            with request_scope(account, region):
                try:
                    _evaluate(alarm, time.time())
                except Exception:  # one broken alarm must not stop the others
                    app.logger.exception("Alarm %s", name)
        time.sleep(EVALUATION_SECONDS)


def _queries(alarm: dict) -> list[dict]:
    """What the alarm looks at, as metric data queries; an alarm on one metric is the simplest case."""
    if "Metrics" in alarm:
        return alarm["Metrics"]
    metric = {key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")}
    stat = {
        "Metric": metric,
        "Period": alarm.get("Period") or 60,
        "Stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
    }
    return [{"Id": "m1", "MetricStat": stat, "ReturnData": True}]


def _period(queries: list[dict]) -> int:
    return max(int(query.get("MetricStat", query).get("Period", 0)) for query in queries)


def _evaluate(alarm: dict, now: float) -> None:
    """Bring the alarm's state up to date."""
    if alarm["ComparisonOperator"] not in _BREACHES:
        return
    queries, periods = _queries(alarm), alarm["EvaluationPeriods"]
    period = _period(queries)
    current = now // period * period
    series = _compute(queries, current - periods * period, current + period, period)
    looked_at = series[next(query["Id"] for query in queries if _is_returned(query))]
    grid = [current - index * period for index in range(periods, -1, -1)]
    values = [looked_at.get(moment) for moment in grid]
    # A breach at the very end of a period would hardly be seen in it, so the last complete periods count, too.
    verdicts = [_verdict(alarm, values[:-1])]
    if values[-1] is not None:
        verdicts.append(_verdict(alarm, values[1:]))
    state = next((state for state in ("ALARM", "OK") if state in verdicts), verdicts[0])
    if state is None or state == alarm["StateValue"]:
        return
    told = ", ".join("missing" if value is None else f"{value:g}" for value in values)
    reason = f"Threshold Crossed: of the datapoints [{told}], {_needed(alarm)} of {periods} decide by {_rule(alarm)}."
    old = alarm["StateValue"]
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(now))
    cloudwatch._record_history(alarm["AlarmName"], old, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _needed(alarm: dict) -> int:
    return alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]


def _rule(alarm: dict) -> str:
    return f"{alarm['ComparisonOperator']} {alarm['Threshold']:g}"


def _verdict(alarm: dict, values: list[float | None]) -> str | None:
    """The state that these datapoints mean; None: as it was."""
    treatment = alarm.get("TreatMissingData") or "missing"
    breaches = _BREACHES[alarm["ComparisonOperator"]]
    missing = {"breaching": True, "notBreaching": False}.get(treatment)
    votes = [missing if value is None else breaches(value, alarm["Threshold"]) for value in values]
    if votes.count(True) >= _needed(alarm):
        return "ALARM"
    if any(vote is not None for vote in votes):
        return "OK"
    return None if treatment == "ignore" else "INSUFFICIENT_DATA"


# ---- Announcement --------------------------------------------------------------------------------------------------


_told: dict[str, dict] = {}
"""The state that was announced last, by the alarm's ARN."""


def _announce(alarm: dict, old: str, new: str, reason: str) -> None:
    """Tell topics, functions and the default event bus of a change."""
    before = _told.get(alarm["AlarmArn"], {"value": old, "timestamp": _timestamp()})
    after = _told[alarm["AlarmArn"]] = {"value": new, "reason": reason, "timestamp": _timestamp()}
    detail = {
        "alarmName": alarm["AlarmName"],
        "state": after,
        "previousState": {**before, "value": old},
        "configuration": _configuration(alarm),
    }
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [alarm["AlarmArn"]],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    _upstream_actions({"Period": None, "Statistic": "", **alarm}, old, new, reason)
    field = {"ALARM": "AlarmActions", "OK": "OKActions"}.get(new, "InsufficientDataActions")
    for arn in alarm.get(field) or [] if alarm.get("ActionsEnabled", True) else []:
        if ":lambda:" in arn:
            call = {
                "source": "aws.cloudwatch",
                "alarmArn": alarm["AlarmArn"],
                "accountId": get_account_id(),
                "region": get_region(),
                "time": after["timestamp"],
                "alarmData": detail,
            }
            eventbridge._dispatch_to_lambda(arn, json.dumps(call))


def _timestamp() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _configuration(alarm: dict) -> dict:
    if "AlarmRule" in alarm:  # a composite alarm
        return {"alarmRule": alarm["AlarmRule"], "description": alarm.get("AlarmDescription", "")}
    metrics = []
    for query in _queries(alarm):
        told = {"id": query["Id"], "returnData": _is_returned(query)}
        if "Expression" in query:
            told |= {"expression": query["Expression"], "label": query.get("Label", query["Id"])}
        else:
            stat = query["MetricStat"]
            metric = {
                "namespace": stat["Metric"]["Namespace"],
                "name": stat["Metric"]["MetricName"],
                "dimensions": cloudwatch._dims_from_list(stat["Metric"].get("Dimensions") or []),
            }
            told["metricStat"] = {"metric": metric, "period": stat["Period"], "stat": stat["Stat"]}
        metrics.append(told)
    return {"description": alarm.get("AlarmDescription", ""), "metrics": metrics}
