"""REST API requests have a `$context`.

Gap: MiniStack knows no `$context` but the authorizer's: no request id, no time, no identity, no stage; the Lambda
event, the gateway response and the mapping template of one request each carry a request id of their own.
Real AWS: one `$context` per request, the same everywhere, `x-amzn-RequestId` included.
Here: a context variable that lives as long as the request; the Lambda event's `requestContext` is taken from it.
Unfaithful: `extendedRequestId` is the request id, no X-Ray ids, no WAF fields, the domain name is the host asked for.
"""

import contextvars
import time
from typing import Any

from ministack.services import apigateway_v1 as gateway

CURRENT: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("apigateway_context")
"""`$context` of the request that is being served."""


def header(headers: dict[str, Any] | None, name: str) -> str:
    """A header's value, whatever the case of its name; '' when absent."""
    for key, value in (headers or {}).items():
        if key.lower() == name.lower():
            return value if isinstance(value, str) else (value[-1] if value else "")
    return ""


def lookup(path: str) -> Any:
    """The value of a dotted path such as `identity.sourceIp` in the current `$context`, or None."""
    node: Any = CURRENT.get({})
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def install() -> None:
    """Give each request its context, and the authorizer, the Lambda event and the answer their part in it."""
    execute, authorize = gateway._execute_in_scope, gateway._authorize_request_v1
    lambda_event = gateway._build_lambda_event_v1

    async def execute_with_context(
        request: dict,
        api_id: str,
        stage_name: str,
        method: str,
        path: str,
        headers: dict,
        body: bytes,
        query: dict,
        account: str,
        region: str,
    ) -> Any:
        now = time.time()
        stage = gateway._stages_v1.get(api_id, {}).get(stage_name) or {}
        host = header(headers, "host")
        context = {
            "accountId": account,
            "apiId": api_id,
            "domainName": host,
            "domainPrefix": host.split(".")[0],
            "extendedRequestId": request["request_id"],
            "httpMethod": method,
            "identity": {
                "sourceIp": (header(headers, "x-forwarded-for") or "127.0.0.1").split(",")[0].strip(),
                "userAgent": header(headers, "user-agent"),
            },
            "path": f"/{stage_name}{path}",
            "protocol": "HTTP/1.1",
            "requestId": request["request_id"],
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "requestTimeEpoch": int(now * 1000),
            "stage": stage_name,
            "stageVariables": stage.get("variables") or {},  # No part of `$context` on AWS; it travels along.
            "error": {},
            "requestOverride": {"header": {}, "querystring": {}, "path": {}},
            "responseOverride": {"header": {}},
        }
        CURRENT.set(context)
        answer = await execute(request, api_id, stage_name, method, path, headers, body, query, account, region)
        if isinstance(answer, tuple):
            status, answer_headers, answer_body = answer
            return status, {**answer_headers, "x-amzn-RequestId": request["request_id"]}, answer_body
        return answer

    async def authorize_with_context(
        api_id: str,
        stage_name: str,
        method_obj: dict,
        method: str,
        request_path: str,
        resource: dict,
        headers: dict,
        body: bytes,
        query: dict,
        *rest: Any,
    ) -> Any:
        context = CURRENT.get()
        context["resourcePath"], context["resourceId"] = resource["path"], resource["id"]
        error, authorizer = await authorize(
            api_id, stage_name, method_obj, method, request_path, resource, headers, body, query, *rest
        )
        if authorizer:
            context["authorizer"] = authorizer
        if not error and (method_obj.get("authorizationType") or "").upper() == "AWS_IAM":
            context["identity"].update(gateway._iam_caller_identity(headers, query) or {})
        return error, authorizer

    def event_with_context(*args: Any, **options: Any) -> dict:
        event = lambda_event(*args, **options)
        event.pop("version", None)  # A REST API's event has none; only the HTTP API's format 1.0 does.
        context = CURRENT.get()
        names = ("domainName", "domainPrefix", "extendedRequestId", "requestId", "requestTime", "requestTimeEpoch")
        event["requestContext"].update({name: context[name] for name in names})
        event["requestContext"]["identity"].update(context["identity"])
        return event

    gateway._execute_in_scope = execute_with_context
    gateway._authorize_request_v1 = authorize_with_context
    gateway._build_lambda_event_v1 = event_with_context
