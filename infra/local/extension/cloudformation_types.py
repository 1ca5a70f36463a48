"""Resource types of EventBridge that templates need: Connection, ApiDestination, Archive, EventBusPolicy.

Gap: MiniStack's EventBridge has connections, API destinations, archives and bus policies, its CloudFormation none.
Real AWS: the four types; a name that a template does not give is generated; a change of the name replaces.
Here: handlers that call the service. An update of anything but the name keeps the resource.
Unfaithful: a connection's secret does not exist in Secrets Manager, only its ARN does; no private connectivity.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge as events
from ministack.services.cloudformation import provisioners

Operation = Callable[[dict], tuple]


def _done(answer: tuple) -> dict:
    status, _, body = answer
    result = json.loads(body or "{}")
    if status >= 400:
        raise ValueError(result.get("message") or result.get("Message") or str(result))
    return result


class NamedResource:
    """Create, update and delete a resource that its service knows by a name."""

    def __init__(
        self,
        name_key: str,
        create: Operation,
        update: Operation,
        delete: Operation,
        request: Callable[[Mapping], dict],
        attributes: Callable[[str], dict[str, str]],
    ) -> None:
        self.name_key = name_key
        self.call_create, self.call_update, self.call_delete = create, update, delete
        self.request, self.attributes = request, attributes

    def create(self, logical_id: str, props: Mapping, stack_name: str) -> tuple[str, dict]:
        """`(physical id, attributes)` of a new resource."""
        name = props.get(self.name_key) or provisioners._physical_name(stack_name, logical_id, max_len=64)
        _done(self.call_create({**self.request(props), self.name_key: name}))
        return name, self.attributes(name)

    def update(self, name: str, _old: Mapping, new: Mapping, stack_name: str, logical_id: str) -> tuple[str, dict]:
        """Change it in place, or create its successor under a new name; CloudFormation deletes the old one."""
        if new.get(self.name_key) and new[self.name_key] != name:
            return self.create(logical_id, new, stack_name)
        _done(self.call_update({**self.request(new), self.name_key: name}))
        return name, self.attributes(name)

    def delete(self, name: str, _props: Mapping) -> None:
        """Delete it; one that is gone already is deleted."""
        status, _, body = self.call_delete({self.name_key: name})
        if status >= 400 and b"ResourceNotFound" not in (body if isinstance(body, bytes) else str(body).encode()):
            _done((status, {}, body))

    def handler(self) -> dict[str, Any]:
        """As CloudFormation's table of resource types wants it."""
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}


def _fields(*names: str) -> Callable[[Mapping], dict]:
    return lambda props: {name: props[name] for name in names if props.get(name) is not None}


def _archive(props: Mapping) -> dict:
    pattern = props.get("EventPattern")
    return {
        **_fields("Description", "RetentionDays")(props),
        "EventSourceArn": props["SourceArn"],
        "EventPattern": json.dumps(pattern) if pattern else "",
    }


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:events:{get_region()}:{get_account_id()}:{kind}/{name}"


def _connection_attributes(name: str) -> dict[str, str]:
    secret = f"arn:aws:secretsmanager:{get_region()}:{get_account_id()}:secret:events!connection/{name}"
    return {"Arn": _arn("connection", name), "ArnForPolicy": _arn("connection", name), "SecretArn": secret}


def _policy_create(_logical_id: str, props: Mapping, _stack_name: str) -> tuple[str, dict]:
    bus, statement_id = props.get("EventBusName") or "default", props["StatementId"]
    statement = props.get("Statement")
    if statement is not None:
        policy = events._event_bus_policies.setdefault(bus, {"Version": "2012-10-17", "Statement": []})
        policy["Statement"] = [s for s in policy["Statement"] if s.get("Sid") != statement_id]
        policy["Statement"].append({"Sid": statement_id, **statement})
    else:
        _done(
            events._put_permission(
                {**_fields("Action", "Principal", "Condition")(props), "EventBusName": bus, "StatementId": statement_id}
            )
        )
    return f"{bus}|{statement_id}", {}


def _policy_delete(physical_id: str, _props: Mapping) -> None:
    bus, _, statement_id = physical_id.partition("|")
    events._remove_permission({"EventBusName": bus, "StatementId": statement_id})


def _policy_update(physical_id: str, old: Mapping, new: Mapping, stack_name: str) -> tuple[str, dict]:
    _policy_delete(physical_id, old)
    return _policy_create("", new, stack_name)


def install() -> None:
    """Add the types, unless MiniStack has learnt them."""
    types = {
        "AWS::Events::Connection": NamedResource(
            "Name",
            events._create_connection,
            events._update_connection,
            events._delete_connection,
            _fields("AuthorizationType", "AuthParameters", "Description"),
            _connection_attributes,
        ).handler(),
        "AWS::Events::ApiDestination": NamedResource(
            "Name",
            events._create_api_destination,
            events._update_api_destination,
            events._delete_api_destination,
            _fields("ConnectionArn", "InvocationEndpoint", "HttpMethod", "InvocationRateLimitPerSecond", "Description"),
            lambda name: {"Arn": _arn("api-destination", name), "ArnForPolicy": _arn("api-destination", name)},
        ).handler(),
        "AWS::Events::Archive": NamedResource(
            "ArchiveName",
            events._create_archive,
            events._update_archive,
            events._delete_archive,
            _archive,
            lambda name: {"Arn": _arn("archive", name), "ArchiveName": name},
        ).handler(),
        "AWS::Events::EventBusPolicy": {"create": _policy_create, "update": _policy_update, "delete": _policy_delete},
    }
    for name, handler in types.items():
        provisioners._RESOURCE_HANDLERS.setdefault(name, handler)
