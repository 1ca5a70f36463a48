"""Import of an OpenAPI document into a REST API, and its update in place.

Gap: MiniStack reads paths, security and of an integration only type, method and URI; validators, models, parameters,
gateway responses, `x-amazon-apigateway-any-method`, templates and integration responses are dropped in silence, and
a changed body gives the API a new id.
Real AWS: imports all of it, refuses what does not fit together, and a stack update overwrites the API under its id.
Here: that, for OpenAPI 3. What AWS refuses (an integration response without its method response, a header that the
method does not declare, an unknown validator) is refused; so is what this import would ignore, by name.
Unfaithful: no Swagger 2.0, no documentation parts, no VPC links, no TLS settings, no caching keys; a schema's
OpenAPI-only keywords (`nullable`, `discriminator`, …) are kept in the model and do nothing, as on AWS.
"""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

from ministack.services import apigateway_v1 as gateway
from ministack.services.cloudformation import provisioners

from extension import velocity

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}
ANY_METHOD = "x-amazon-apigateway-any-method"
VENDOR_KEYS = {
    "document": {
        "x-amazon-apigateway-request-validators",
        "x-amazon-apigateway-request-validator",
        "x-amazon-apigateway-gateway-responses",
        "x-amazon-apigateway-binary-media-types",
        "x-amazon-apigateway-policy",
        "x-amazon-apigateway-api-key-source",
    },
    "path": {ANY_METHOD},
    "operation": {"x-amazon-apigateway-integration", "x-amazon-apigateway-request-validator"},
}
"""The extensions of OpenAPI that this import reads, by place; any other one is refused."""

INTEGRATION_KEYS = {
    "type",
    "httpMethod",
    "uri",
    "credentials",
    "requestParameters",
    "requestTemplates",
    "passthroughBehavior",
    "timeoutInMillis",
    "responses",
}
TYPES = {"AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"}
REQUEST_SOURCE = re.compile(
    r"'.*'|method\.request\.(header|querystring|path)\.\S+|method\.request\.body\S*|context\.\S+|stageVariables\.\S+"
)
RESPONSE_SOURCE = re.compile(
    r"'.*'|integration\.response\.header\.\S+|integration\.response\.body\S*|context\.\S+|stageVariables\.\S+"
)
"""Mapping expressions: where a parameter's value may come from."""

PLACES = {"query": "querystring", "header": "header", "path": "path"}


class ImportRefusedError(ValueError):
    """The document is not valid, or holds something that the local cloud would ignore."""


def _refuse_unknown(keys: set[str], known: set[str], where: str) -> None:
    unknown = sorted(keys - known)
    if unknown:
        raise ImportRefusedError(f"OpenAPI body, {where}: {', '.join(unknown)} is not known to the local cloud")


def _vendor(node: Mapping, place: str, where: str) -> None:
    keys = {key for key in node if key.startswith("x-amazon-apigateway-")}
    _refuse_unknown(keys, VENDOR_KEYS[place], where)


def _made(answer: tuple, what: str) -> dict:
    status, _, body = answer
    if status >= 400:
        raise ImportRefusedError(f"OpenAPI body, {what}: {json.loads(body).get('message')}")
    return json.loads(body)


class Import:
    """One document on its way into one API."""

    def __init__(self, api_id: str, document: Mapping) -> None:
        self.api_id = api_id
        self.document = document
        self.validators: dict[str, str] = {}
        self.schemes: dict[str, dict] = {}

    def run(self) -> None:
        """Import everything."""
        version = str(self.document.get("openapi", ""))
        if not version.startswith("3."):
            raise ImportRefusedError(f"OpenAPI body: only OpenAPI 3 is imported here, not {version or 'Swagger'!r}")
        _vendor(self.document, "document", "top level")
        api = gateway._rest_apis[self.api_id]
        api["binaryMediaTypes"] = self.document.get("x-amazon-apigateway-binary-media-types") or api["binaryMediaTypes"]
        api["policy"] = self.document.get("x-amazon-apigateway-policy") or api["policy"]
        api["apiKeySource"] = self.document.get("x-amazon-apigateway-api-key-source") or api["apiKeySource"]
        self.schemes = gateway._import_security_schemes(self.api_id, self.document)
        for name, validator in (self.document.get("x-amazon-apigateway-request-validators") or {}).items():
            made = gateway._create_request_validator(self.api_id, {**validator, "name": name})
            self.validators[name] = _made(made, f"validator {name}")["id"]
        for name, schema in (self.document.get("components", {}).get("schemas") or {}).items():
            self.model(name, schema)
        for kind, response in (self.document.get("x-amazon-apigateway-gateway-responses") or {}).items():
            self.gateway_response(kind, response or {})
        for path, item in (self.document.get("paths") or {}).items():
            self.path(path, item or {})

    def model(self, name: str, schema: Mapping) -> None:
        """A schema becomes a model, its references the models' addresses."""
        if not re.fullmatch(r"[A-Za-z0-9]+", name):
            raise ImportRefusedError(f"OpenAPI body, schema {name}: a model's name has only letters and digits")
        text = re.sub(
            r'"#/components/schemas/([^"/]+)"',
            rf'"https://apigateway.amazonaws.com/restapis/{self.api_id}/models/\1"',
            json.dumps(schema),
        )
        _made(gateway._create_model(self.api_id, {"name": name, "schema": text}), f"schema {name}")

    def gateway_response(self, kind: str, response: Mapping) -> None:
        """A customized gateway response."""
        where = f"gateway response {kind}"
        _refuse_unknown(set(response), {"statusCode", "responseParameters", "responseTemplates"}, where)
        templates = response.get("responseTemplates") or {}
        _refuse_unknown(set(templates), {"application/json"}, f"{where}, a template that AWS never picks")
        status = response.get("statusCode")
        _made(
            gateway._put_gateway_response(
                self.api_id, kind, {**response, "statusCode": None if status is None else str(status)}
            ),
            where,
        )

    def path(self, path: str, item: Mapping) -> None:
        """A path becomes resources, one a segment, and a method for each of its operations."""
        _vendor(item, "path", path)
        operations = {name.upper(): node for name, node in item.items() if name in METHODS}
        if ANY_METHOD in item:
            operations["ANY"] = item[ANY_METHOD]
        resource_id = next(key for key, res in gateway._resources[self.api_id].items() if res["path"] == "/")
        for segment in filter(None, path.split("/")):
            children = gateway._resources[self.api_id].items()
            child = next(
                (key for key, res in children if res.get("parentId") == resource_id and res.get("pathPart") == segment),
                None,
            )
            resource_id = (
                child or _made(gateway._create_resource(self.api_id, resource_id, {"pathPart": segment}), path)["id"]
            )
        for method, operation in operations.items():
            parameters = [
                self.resolved(node) for node in [*(item.get("parameters") or []), *(operation.get("parameters") or [])]
            ]
            self.operation(resource_id, method, operation, parameters, f"{method} {path}")

    def resolved(self, node: Any) -> Any:
        """`node`, or what its `$ref` points to in this document."""
        while isinstance(node, Mapping) and "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target.get(part) if isinstance(target, Mapping) else None
            if target is None:
                raise ImportRefusedError(f"OpenAPI body: {node['$ref']} points to nothing")
            node = target
        return node

    def operation(self, resource_id: str, method: str, operation: Mapping, parameters: list, where: str) -> None:
        """An operation becomes a method with its responses and its integration."""
        _vendor(operation, "operation", where)
        security = operation.get("security", self.document.get("security"))
        for requirement in security or []:
            _refuse_unknown(set(requirement), set(self.schemes), f"{where}, security")
        validator = operation.get(
            "x-amazon-apigateway-request-validator", self.document.get("x-amazon-apigateway-request-validator")
        )
        if validator is not None and validator not in self.validators:
            raise ImportRefusedError(f"OpenAPI body, {where}: no request validator named {validator}")
        declared = {
            f"method.request.{PLACES[node['in']]}.{node['name']}": bool(node.get("required"))
            for node in parameters
            if node.get("in") in PLACES
        }
        _made(
            gateway._put_method(
                self.api_id,
                resource_id,
                method,
                {
                    **gateway._method_security(security, self.schemes),
                    "operationName": operation.get("operationId", ""),
                    "requestParameters": declared,
                    "requestModels": self.request_models(operation, resource_id + method),
                    "requestValidatorId": self.validators.get(validator),
                },
            ),
            where,
        )
        for status, response in (operation.get("responses") or {}).items():
            headers = self.resolved(response).get("headers") or {}
            gateway._put_method_response(
                self.api_id,
                resource_id,
                method,
                str(status),
                {"responseParameters": {f"method.response.header.{name}": False for name in headers}},
            )
        integration = operation.get("x-amazon-apigateway-integration")
        if integration is None:
            raise ImportRefusedError(f"OpenAPI body, {where}: no integration (AWS refuses to deploy it)")
        self.integration(resource_id, method, integration, declared, where)

    def request_models(self, operation: Mapping, unique: str) -> dict[str, str]:
        """Media type → model of the request's body."""
        models = {}
        for media_type, content in (self.resolved(operation.get("requestBody") or {}).get("content") or {}).items():
            schema = content.get("schema") or {}
            named = re.fullmatch(r"#/components/schemas/([^/]+)", schema.get("$ref", ""))
            if not named:
                self.model(f"inline{unique}", schema)
            models[media_type] = named[1] if named else f"inline{unique}"
        return models

    def integration(
        self,
        resource_id: str,
        method: str,
        integration: Mapping,
        declared: Mapping,
        where: str,
    ) -> None:
        """The integration with all of its fields, and its responses."""
        _refuse_unknown(set(integration), INTEGRATION_KEYS, f"{where}, integration")
        kind = str(integration.get("type", "")).upper()
        if kind not in TYPES:
            raise ImportRefusedError(f"OpenAPI body, {where}: no integration type {integration.get('type')!r}")
        for target, source in (integration.get("requestParameters") or {}).items():
            if not re.fullmatch(r"integration\.request\.(header|querystring|path)\.[^\s]+", target):
                raise ImportRefusedError(f"OpenAPI body, {where}: {target} is no parameter of an integration request")
            self.source(source, REQUEST_SOURCE, where)
            if re.match(r"method\.request\.(header|querystring|path)\.", source) and source not in declared:
                raise ImportRefusedError(f"OpenAPI body, {where}: {source} is mapped but not among the parameters")
        is_function = kind == "AWS" and ":lambda:path/" in str(integration.get("uri"))
        if is_function and integration.get("requestTemplates"):
            raise ImportRefusedError(f"OpenAPI body, {where}: no request templates for a function without proxy here")
        self.templates(integration.get("requestTemplates"), where)
        fields = {key: value for key, value in integration.items() if key != "responses"}
        _made(
            gateway._put_integration(
                self.api_id,
                resource_id,
                method,
                {
                    **fields,
                    "type": kind,
                    "passthroughBehavior": str(integration.get("passthroughBehavior") or "when_no_match").upper(),
                },
            ),
            where,
        )
        if not kind.endswith("_PROXY"):
            self.responses(resource_id, method, integration.get("responses") or {}, where)

    def responses(self, resource_id: str, method: str, responses: Mapping, where: str) -> None:
        """Integration responses; each needs a method response with the headers that it maps."""
        record = gateway._resources[self.api_id][resource_id]["resourceMethods"][method]
        stored = record["methodIntegration"]["integrationResponses"]
        for pattern, response in responses.items():
            status = str(response.get("statusCode", ""))
            _refuse_unknown(
                set(response), {"statusCode", "responseParameters", "responseTemplates"}, f"{where}, response {pattern}"
            )
            if status not in record["methodResponses"]:
                raise ImportRefusedError(
                    f"OpenAPI body, {where}: integration response {pattern!r} names status {status!r}, "
                    "which is not among the operation's responses"
                )
            unknown = set(response.get("responseParameters") or {}) - set(
                record["methodResponses"][status]["responseParameters"]
            )
            if unknown:
                raise ImportRefusedError(
                    f"OpenAPI body, {where}: {', '.join(sorted(unknown))} is mapped, but status "
                    f"{status} declares no such header"
                )
            for source in (response.get("responseParameters") or {}).values():
                self.source(source, RESPONSE_SOURCE, where)
            self.templates(response.get("responseTemplates"), f"{where}, response {pattern}")
            # Keyed by pattern: on AWS too several patterns may lead to one status.
            stored[f"{status} {pattern}"] = {
                "statusCode": status,
                "selectionPattern": "" if pattern == "default" else str(pattern),
                "responseParameters": response.get("responseParameters") or {},
                "responseTemplates": response.get("responseTemplates") or {},
            }

    @staticmethod
    def source(expression: Any, known: re.Pattern, where: str) -> None:
        """Refuse a mapping expression that AWS would not understand."""
        if not isinstance(expression, str) or not known.fullmatch(expression):
            raise ImportRefusedError(f"OpenAPI body, {where}: {expression!r} is no mapping expression here")

    @staticmethod
    def templates(templates: Mapping | None, where: str) -> None:
        """Refuse a mapping template that cannot be rendered, before a request meets it."""
        for media_type, template in (templates or {}).items():
            try:
                velocity.check(template)
            except velocity.TemplateError as error:
                raise ImportRefusedError(f"OpenAPI body, {where}, template for {media_type}: {error}") from error


def install() -> None:
    """Replace the import, and the update of `AWS::ApiGateway::RestApi`."""
    stock_import = gateway._import_rest_api
    handler = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]
    stock_update = handler["update"]

    def import_rest_api(document: Mapping, base: Mapping | None = None) -> str:
        api_id = stock_import({"info": document.get("info") or {}}, base)
        try:
            Import(api_id, document).run()
        except Exception:
            gateway._delete_rest_api(api_id)
            raise
        return api_id

    def update(api_id: str, old: Mapping, new: Mapping, *rest: Any) -> tuple:
        body = new.get("Body")
        if isinstance(body, dict) and body != old.get("Body"):
            _overwrite(api_id, body)
            old = {**old, "Body": body}
        return stock_update(api_id, old, new, *rest)

    gateway._import_rest_api = import_rest_api
    handler["update"] = update


def _overwrite(api_id: str, document: Mapping) -> None:
    """Import over what is there; if the document is refused, what was there stays."""
    stores = (
        gateway._resources,
        gateway._authorizers_v1,
        gateway._models,
        gateway._gateway_responses,
        gateway._request_validators,
    )
    before = [copy.deepcopy(store.get(api_id, {})) for store in stores]
    settings = dict(gateway._rest_apis[api_id])
    root = next(resource for resource in gateway._resources[api_id].values() if resource["path"] == "/")
    try:
        for store in stores:
            store[api_id] = {}
        gateway._resources[api_id] = {root["id"]: {**root, "resourceMethods": {}}}
        Import(api_id, document).run()
    except Exception:
        for store, records in zip(stores, before, strict=True):
            store[api_id] = records
        gateway._rest_apis[api_id] = settings
        raise
