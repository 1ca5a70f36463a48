"""Functions behind AWS_PROXY: named by a stage variable, asked with the path as it was written, and counted.

Gap: `${stageVariables.name}` in an integration's URI stays as it is; path and path parameters of the event are decoded;
an answer in base64 stays base64 for a client that says nothing of what it accepts; invocations by API Gateway do not
appear in the `AWS/Lambda` metrics.
Real AWS: the variable is looked up for each request, a change by UpdateStage is seen by the next one, and a variable
that is not there is a configuration error (500); the event has path and path parameters as the client wrote them; with
the binary media type `*/*` every answer is binary; every invocation is counted.
Here: that.
Unfaithful: stage variables in `credentials` are not looked up; a resource whose name has to be decoded is not found.
"""

import re
import time
from collections.abc import Mapping
from typing import Any

from ministack import app
from ministack.services import apigateway_v1 as gateway
from ministack.services import lambda_svc

from extension import apigateway_context
from extension.velocity import text_of

VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")


def with_variables(uri: str) -> str | None:
    """The URI with the stage's variables in place, or None where one is missing."""
    values = {name: apigateway_context.lookup(f"stageVariables.{name}") for name in VARIABLE.findall(uri)}
    if any(value is None for value in values.values()):
        return None
    return VARIABLE.sub(lambda match: text_of(values[match[1]]), uri)


def install() -> None:
    """Look variables up before the call, hand on the path as it was written, and count."""
    invoke, call, matches = gateway._invoke_lambda_proxy_v1, gateway._call_lambda_raw, gateway._media_type_matches
    execute = app._handle_execute_api_request

    async def invoke_named(integration: Mapping, *rest: Any, **options: Any) -> Any:
        uri = with_variables(integration.get("uri", ""))
        if uri is None:
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        return await invoke({**integration, "uri": uri}, *rest, **options)

    async def call_counted(function_ref: str, event: Any, **options: Any) -> tuple:
        began = time.monotonic()
        result, error = await call(function_ref, event, **options)
        if result is not None and not result.get("throttle"):
            name = function_ref.partition(":function:")[2].partition(":")[0] or function_ref
            took = (time.monotonic() - began) * 1000
            lambda_svc._emit_lambda_metrics(name, took, error=bool(result.get("error")), throttle=False)
        return result, error

    async def execute_raw(
        host: str,
        path: str,
        method: str,
        headers: dict,
        body: bytes,
        query: dict,
        raw_path: str | None = None,
        raw_query_string: str | None = None,
    ) -> Any:
        parsed = app._parse_execute_api_url(host, path)
        if raw_path and parsed and gateway.find_api_scope(parsed[0]) is not None:
            path = raw_path
        return await execute(
            host, path, method, headers, body, query, raw_path=raw_path, raw_query_string=raw_query_string
        )

    def matches_all(media_type: str | None, binary_media_types: list[str] | None) -> bool:
        return "*/*" in (binary_media_types or []) or matches(media_type, binary_media_types)

    gateway._invoke_lambda_proxy_v1 = invoke_named
    gateway._call_lambda_raw = call_counted
    gateway._media_type_matches = matches_all
    app._handle_execute_api_request = execute_raw
