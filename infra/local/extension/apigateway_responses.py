"""Gateway responses with every `$context` variable and with header mappings.

Gap: MiniStack fills in six variables of a gateway response's template, leaves `$context.error.validationErrorString`
as it stands, and maps no header from `$context` but the request id.
Real AWS: plain substitution (no Velocity) of `$context.*` and `$stageVariables.*`; headers from `context.*`, the
method's parameters, stage variables or a quoted text; what is unknown is empty.
Here: that, and a mapped `Content-Type` replaces the default one.
Unfaithful: only the `application/json` template is used, whatever the caller accepts (the import refuses others);
`validationErrorString` is escaped for JSON in every template.
"""

import json
import re

from ministack.services import apigateway_v1 as gateway

from extension import apigateway_context

VARIABLE = re.compile(r"\$(?:\{(context|stageVariables)\.([\w.-]+)\}|(context|stageVariables)((?:\.[A-Za-z][\w-]*)+))")
SPACED = {
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_5XX",
}
"""Types before whose `messageString` AWS writes a space."""


def fill(template: str, variables: dict[str, str]) -> str:
    """Substitute variables; `variables` win over `$context`, and what is unknown is empty."""

    def value(match: re.Match) -> str:
        root, path = (match[1], match[2]) if match[1] else (match[3], match[4].lstrip("."))
        if f"{root}.{path}" in variables:
            return variables[f"{root}.{path}"]
        found = apigateway_context.lookup(path if root == "context" else f"stageVariables.{path}")
        return "" if found is None or isinstance(found, dict) else str(found)

    return VARIABLE.sub(value, template)


def install() -> None:
    """Replace the renderer of gateway responses and the source of their headers."""
    stock_value = gateway._gateway_request_value

    def header_value(source: str, request: dict) -> str | None:
        if source.startswith("context."):
            found = apigateway_context.lookup(source.removeprefix("context."))
            return None if found is None or isinstance(found, dict) else str(found)
        return stock_value(source, request)

    def respond(error: gateway._GatewayError, request: dict) -> tuple[int, dict, bytes]:
        deployed = gateway._deployed_gateway_responses.get(request["api_id"], {})
        customized = deployed.get(request["stage"].get("deploymentId"))
        if customized is None:
            customized = gateway._gateway_responses.get(request["api_id"], {})
        kind = error.response_type
        response = gateway._gateway_response_for_type(customized, kind)
        template = (response.get("responseTemplates") or {}).get("application/json")
        if template is None:
            template = gateway._DEFAULT_GATEWAY_RESPONSE_TEMPLATE
        if kind == "ACCESS_DENIED" and not customized.keys() & {kind, "DEFAULT_4XX"}:
            template = '{"Message":$context.error.messageString}'

        headers = {"Content-Type": "application/json", "x-amzn-RequestId": request["request_id"]}
        error_type = error.error_type or gateway._GATEWAY_RESPONSE_ERROR_TYPES.get(kind)
        if error_type:
            headers["x-amzn-ErrorType"] = error_type
        for target, source in (response.get("responseParameters") or {}).items():
            name = target.removeprefix("gatewayresponse.header.")
            value = header_value(source, request)
            if value is not None:
                headers = {key: old for key, old in headers.items() if key.lower() != name.lower()} | {name: value}

        message = error.message or ""
        details = apigateway_context.lookup("error.validationErrorString") or message
        variables = {
            "context.error.message": message,
            "context.error.messageString": (" " if kind in SPACED else "") + json.dumps(error.message),
            "context.error.responseType": "API_CONFIGURATION_ERROR"
            if kind == "AUTHORIZER_CONFIGURATION_ERROR"
            else kind,
            "context.error.validationErrorString": json.dumps(details)[1:-1],
            "context.requestId": request["request_id"],
            "context.resourcePath": request["resource_path"],
            "context.stage": request["stage_name"],
            "context.status": "",  # No integration answered.
        }
        status = int(response.get("statusCode") or (403 if kind == "DEFAULT_4XX" else 500))
        return status, headers, fill(template, variables).encode()

    gateway._gateway_request_value = header_value
    gateway._gateway_error_response = respond
