"""Request validators that say what is wrong, and a body that must be there.

Gap: MiniStack answers 400 without the reasons (`$context.error.validationErrorString` does not exist), and a request
whose media type has no model is checked against the model for `application/json`.
Real AWS: `validationErrorString` lists the reasons in the words of its JSON schema library, `[reason, reason]`;
they name properties that are missing or not allowed, but not the property whose value is wrong.
Here: the same words, for the keywords that models use; MiniStack's own verdict stays the judge.
Unfaithful: one reason per value; the reason for a body that is not JSON is ours.
"""

import json
from typing import Any

from ministack.services import apigateway_v1 as gateway

from extension import apigateway_context


def reasons(schema: Any, value: Any, root: Any) -> list[str]:
    """Why `value` does not satisfy `schema`; empty if none of the known keywords is hurt."""
    while isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        schema, root = gateway._resolve_schema_ref(schema["$ref"], root)
    if not isinstance(schema, dict):
        return []
    own = _own_reason(schema, value)
    if own:
        return [own]
    found: list[str] = []
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for name, item in value.items():
            found += reasons(properties.get(name), item, root)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            found += reasons(schema["items"], item, root)
    return found


def _own_reason(schema: dict, value: Any) -> str | None:
    """The first keyword of this very schema that `value` hurts, in the library's words."""
    types = schema.get("type")
    allowed = types if isinstance(types, list) else [types] if types else []
    if allowed and not any(gateway._JSON_TYPES.get(name, lambda _: True)(value) for name in allowed):
        return (
            f"instance type ({_type_of(value)}) does not match any allowed primitive type (allowed: {_listed(allowed)})"
        )
    if "enum" in schema and value not in schema["enum"]:
        return f"instance value ({json.dumps(value)}) not found in enum (possible values: {_listed(schema['enum'])})"
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            return f'string "{value}" is too short (length: {len(value)}, required minimum: {schema["minLength"]})'
        if len(value) > schema.get("maxLength", len(value)):
            return f'string "{value}" is too long (length: {len(value)}, maximum allowed: {schema["maxLength"]})'
        if "pattern" in schema and gateway._regex_search(schema["pattern"], value) is False:
            return f'ECMA 262 regex "{schema["pattern"]}" does not match input string "{value}"'
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            return f"numeric instance is lower than the required minimum (minimum: {schema['minimum']}, found: {value})"
        if value > schema.get("maximum", value):
            return (
                f"numeric instance is greater than the required maximum (maximum: {schema['maximum']}, found: {value})"
            )
    elif isinstance(value, dict):
        extra = sorted(set(value) - set(schema.get("properties") or {}))
        if extra and schema.get("additionalProperties") is False and not schema.get("patternProperties"):
            return f"object instance has properties which are not allowed by the schema: {_listed(extra)}"
        missing = sorted(set(schema.get("required") or []) - set(value))
        if missing:
            return f"object has missing required properties ({_listed(missing)})"
    return None


def _listed(items: list) -> str:
    return json.dumps(items, separators=(",", ":"))


def _type_of(value: Any) -> str:
    order = ("null", "boolean", "integer", "number", "string", "array", "object")
    return next((name for name in order if gateway._JSON_TYPES[name](value)), "unknown")


def install() -> None:
    """Keep the reasons for the gateway response, and match a model by the media type alone."""
    check = gateway._check_request_validation

    def check_and_explain(method: dict, api_id: str, request: dict, headers: dict, body: bytes, query: dict) -> Any:
        models = method.get("requestModels") or {}
        media_type = (apigateway_context.header(headers, "content-type") or "application/json").split(";")[0].strip()
        if models and media_type not in models:
            # A media type without a model is not validated: `passthroughBehavior: NEVER` is what keeps it out.
            method = {**method, "requestModels": {}}
        error = check(method, api_id, request, headers, body, query)
        if error is not None and error.response_type == "BAD_REQUEST_BODY":
            schema = gateway._model_schema(api_id, models[media_type])
            try:
                found = reasons(schema, json.loads(body), schema)
            except ValueError:
                found = ["the body is not valid JSON"]
            apigateway_context.CURRENT.get()["error"]["validationErrorString"] = (
                "[" + ", ".join(found or ["the body does not match its model"]) + "]"
            )
        return error

    gateway._check_request_validation = check_and_explain
