"""Tables that expire items, with recovery to a point in time and encryption, when a template says so.

Gap: MiniStack's `AWS::DynamoDB::Table` drops `TimeToLiveSpecification`, `PointInTimeRecoverySpecification` and
`SSESpecification` when it creates a table, and the first two when it updates one.
Real AWS: sets them.
Here: the same calls that an SDK would make, after the table is there. A deleted table takes its settings along.
Unfaithful: as MiniStack's service itself: no table is restored and nothing is encrypted, but the settings are kept,
and items do expire.
"""

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners


def apply_settings(name: str, props: Mapping, before: Mapping) -> None:
    """Call the service for each of the settings that differ from `before`."""
    calls = (
        ("TimeToLiveSpecification", _time_to_live, {"Enabled": False}),
        (
            "PointInTimeRecoverySpecification",
            dynamodb._update_continuous_backups,
            {"PointInTimeRecoveryEnabled": False},
        ),
        ("SSESpecification", _encryption, {"SSEEnabled": False}),
    )
    for prop, call, off in calls:
        if props.get(prop) != before.get(prop):
            _done(call({"TableName": name, prop: {**off, **(props.get(prop) or {})}}))


def _time_to_live(request: dict) -> tuple:
    specification = request["TimeToLiveSpecification"]
    if not specification["Enabled"] and not specification.get("AttributeName"):
        specification["AttributeName"] = (dynamodb._ttl_settings.get(request["TableName"]) or {}).get("AttributeName")
    return dynamodb._update_ttl(request)


def _encryption(request: dict) -> tuple:
    specification = request["SSESpecification"]
    return dynamodb._update_table(
        {
            "TableName": request["TableName"],
            "SSESpecification": {
                "Enabled": specification["SSEEnabled"],
                **{key: specification[key] for key in ("SSEType", "KMSMasterKeyId") if key in specification},
            },
        }
    )


def _done(answer: tuple) -> None:
    status, _, body = answer
    if status >= 400:
        raise ValueError(json.loads(body).get("message"))


def install() -> None:
    """Follow the table's create, update and delete with the settings' own calls."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def create_with_settings(logical_id: str, props: Mapping, stack_name: str) -> tuple:
        name, attributes = create(logical_id, props, stack_name)
        apply_settings(name, props, {})
        return name, attributes

    def update_with_settings(name: str, old: Mapping, new: Mapping, *rest: Any) -> tuple:
        physical_id, attributes = update(name, old, new, *rest)
        apply_settings(physical_id, new, old if physical_id == name else {})
        return physical_id, attributes

    def delete_with_settings(name: str, props: Mapping) -> None:
        delete(name, props)
        dynamodb._ttl_settings.pop(name, None)
        dynamodb._pitr_settings.pop(name, None)

    handler.update({"create": create_with_settings, "update": update_with_settings, "delete": delete_with_settings})
