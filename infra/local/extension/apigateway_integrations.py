"""Integrations with AWS services, with an HTTP backend, and with nothing (MOCK).

Gap: of the AWS services MiniStack reaches SQS alone, by `path`; `action/...`, the parameter mappings of the request,
headers from the backend's answer and overrides are missing. An HTTP backend gets no mapped header, its path is not
encoded, bodies and repeated parameters suffer, redirects are followed and its answer loses its headers. A MOCK
integration's templates are not rendered.
Real AWS: one pipeline for all of them. Request template by media type, parameter mappings, overrides by the template;
the call, with the role in `credentials`; then the integration response by `selectionPattern`, its template, its
parameter mappings, overrides. An HTTP backend gets path and query decoded and encoded anew; some headers are dropped or
renamed, either way (developer guide, "Important notes"); a body whose media type is not among `binaryMediaTypes` is
taken for UTF-8; an answer without `Content-Type` becomes `application/json`.
Here: that pipeline. A service is called in its own protocol: form-encoded (query) if the mapped `Content-Type` says
so, JSON with `X-Amz-Target` otherwise. A query service sees a body only if it is declared form-encoded.
Unfaithful: the role must exist, but its policies are not evaluated; no VPC links, caching or content handling, so that
a binary body never meets a template; several headers of one name arrive as one, joined by commas; a Lambda function
without proxy integration keeps MiniStack's simple form.
"""

import asyncio
import functools
import http.client
import json
import logging
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.exceptions import UnknownServiceError
from ministack import app
from ministack.core.responses import get_account_id, request_scope
from ministack.services import apigateway_v1 as gateway
from ministack.services import iam

from extension import apigateway_context
from extension.apigateway_context import header
from extension.apigateway_vtl import json_path, render_mapping, request_params
from extension.velocity import TemplateError, text_of

log = logging.getLogger("extension.apigateway")

FORM = "application/x-www-form-urlencoded"
SDK_NAMES = {"states": "stepfunctions"}
"""Services whose SDK name differs from the name in an integration's URI."""
ALSO_QUERY = {"sqs"}
"""Services that still speak the query protocol, though the SDK no longer does."""
NOT_SENT = {
    *("content-encoding", "content-length", "content-md5", "expect", "host", "keep-alive", "max-forwards"),
    *("proxy-authenticate", "server", "te", "trailer", "transfer-encoding", "upgrade", "via", "www-authenticate"),
}
"""Headers of a client's request that an HTTP backend does not see, or sees anew."""
NOT_ANSWERED = {
    *("content-length", "expect", "host", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding"),
    *("upgrade", "via"),
}
"""Headers of a backend's answer that a client does not see, or sees anew."""
REMAPPED = {
    *("authorization", "connection", "content-md5", "date", "max-forwards", "server", "user-agent"),
    "www-authenticate",
}
"""Headers of a backend's answer that a client sees under another name."""


@dataclass(frozen=True)
class Call:
    """A client's request on its way to an integration."""

    headers: Mapping[str, Any]
    body: str
    params: Mapping[str, Mapping[str, str]]

    def mapped(self, source: str, answer: "Answer | None" = None) -> str | None:
        """The value of a mapping expression, or None where its source is absent."""
        if len(source) > 1 and source[0] == source[-1] == "'":
            return source[1:-1]
        root, _, rest = source.partition(".")
        if root == "context":
            found = apigateway_context.lookup(rest)
        elif root == "stageVariables":
            found = apigateway_context.lookup(f"stageVariables.{rest}")
        elif source.startswith("method.request.body"):
            found = self._in_body(self.body, rest.removeprefix("request.body"))
        elif root == "method":
            _, place, name = rest.split(".", 2)
            found = self.params[place].get(name)
        elif answer and source.startswith("integration.response.header."):
            found = header(answer.headers, source.removeprefix("integration.response.header.")) or None
        elif answer and source.startswith("integration.response.body"):
            found = self._in_body(
                answer.body.decode("utf-8", "replace"), source.removeprefix("integration.response.body")
            )
        else:
            raise TemplateError(f"the mapping expression {source!r} is not known")
        return None if found is None else text_of(found)

    @staticmethod
    def _in_body(body: str, path: str) -> Any:
        if not path:
            return body
        try:
            return json_path(json.loads(body or "{}"), "$" + path)
        except json.JSONDecodeError:
            return None


@dataclass(frozen=True)
class Answer:
    """What a backend answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotConfiguredError(Exception):
    """The integration cannot work as it is configured: 500 on AWS."""


class UnsupportedMediaTypeError(Exception):
    """No template fits the request's media type, and nothing may pass without one: 415."""


def render_request(integration: Mapping, call: Call) -> str:
    """The payload for the backend: the template for the caller's media type, or the body as it came."""
    media_type = (header(call.headers, "content-type") or "application/json").split(";")[0].strip().lower()
    templates = integration.get("requestTemplates") or {}
    template = next((text for key, text in templates.items() if key.split(";")[0].strip().lower() == media_type), None)
    if template is not None:
        if call.body and is_binary(call.headers, "content-type"):
            raise NotConfiguredError("a mapping template gets no binary body without content handling")
        return render_mapping(template, call.body, call.params)
    behavior = (integration.get("passthroughBehavior") or "WHEN_NO_MATCH").upper()
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        raise UnsupportedMediaTypeError
    return call.body


def request_parameters(integration: Mapping, call: Call) -> dict[str, dict[str, str]]:
    """The mapped headers, query parameters and path parameters, the template's overrides on top."""
    places: dict[str, dict[str, str]] = {"header": {}, "querystring": {}, "path": {}}
    for target, source in (integration.get("requestParameters") or {}).items():
        _, _, place, name = target.split(".", 3)
        value = call.mapped(source)
        if value is not None:
            places[place][name] = value
    overrides = apigateway_context.lookup("requestOverride") or {}
    for place, values in places.items():
        values.update({name: text_of(value) for name, value in (overrides.get(place) or {}).items()})
    return places


# AWS services.


async def call_service(integration: Mapping, call: Call) -> Answer:
    """Call the service that the integration's URI names."""
    region, service, kind, rest = gateway._parse_service_integration_uri(integration["uri"])
    role = (integration.get("credentials") or "").rpartition("role/")[2].rpartition("/")[2]
    if role not in iam._roles:
        raise NotConfiguredError(f"the role in credentials does not exist: {integration.get('credentials')!r}")
    payload = render_request(integration, call)
    mapped = request_parameters(integration, call)
    media_type = header(mapped["header"], "content-type") or "application/json"
    headers = {name.lower(): value for name, value in mapped["header"].items()}
    headers |= {
        "content-type": media_type,
        "accept": headers.get("accept", "application/json"),
        "host": f"{service}.{region}.amazonaws.com",
        "authorization": f"AWS4-HMAC-SHA256 Credential={get_account_id()}/20260101/{region}/{service}/aws4_request",
    }
    query = dict(mapped["querystring"])
    path = "/"
    protocol = _protocol(service, media_type, headers)
    if kind == "path":
        path = "/" + re.sub(r"\{(\w+)\}", lambda m: mapped["path"].get(m[1], ""), rest).lstrip("/")
    elif protocol == "query":
        query.setdefault("Action", rest.partition("&")[0])
    else:
        headers.setdefault("x-amz-target", f"{_metadata(service)['targetPrefix']}.{rest}")
        headers["content-type"] = (
            media_type
            if "amz-json" in media_type
            else (f"application/x-amz-json-{_metadata(service).get('jsonVersion', '1.0')}")
        )
    if protocol == "query" and not media_type.startswith(FORM):
        payload = ""  # The service reads parameters from a body only if it is declared form-encoded.
    with request_scope(get_account_id(), region):
        status, answer_headers, body = await app.SERVICE_HANDLERS[service](
            "POST", path, headers, payload.encode(), {name: [value] for name, value in query.items()}
        )
    body = body.encode() if isinstance(body, str) else body or b""
    if protocol == "query" and body.lstrip().startswith(b"<"):
        body = xml_to_json(body)
    return Answer(status, answer_headers or {}, body)


@functools.cache  # Reading a service's model takes 25 ms.
def _metadata(service: str) -> Mapping[str, Any]:
    try:
        return botocore.session.get_session().get_service_model(SDK_NAMES.get(service, service)).metadata
    except UnknownServiceError as error:
        raise NotConfiguredError(f"no such service: {service}") from error


def _protocol(service: str, media_type: str, headers: Mapping[str, str]) -> str:
    """`query` or `json`."""
    known = set(_metadata(service).get("protocols") or [_metadata(service)["protocol"]])
    if service in ALSO_QUERY:
        known.add("query")
    if "query" in known and (media_type.startswith(FORM) or "json" not in known):
        return "query"
    if "json" in known or "x-amz-target" in headers:
        return "json"
    raise NotConfiguredError(f"the local cloud has no integration for the protocol of {service}")


def xml_to_json(document: bytes) -> bytes:
    """A query service's answer as API Gateway gets it, since it accepts JSON."""

    def value(node: ElementTree.Element) -> Any:
        children = list(node)
        if not children:
            return node.text
        if all(_tag(child) == "member" for child in children):
            return [value(child) for child in children]
        return {_tag(child): value(child) for child in children}

    root = ElementTree.fromstring(document)
    content = value(root)
    return json.dumps(content if _tag(root) == "ErrorResponse" else {_tag(root): content}).encode()


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


# MOCK.


async def call_nothing(integration: Mapping, call: Call) -> Answer:
    """A MOCK integration: its request template says the status."""
    rendered = render_request(integration, call)
    try:
        status = int(json.loads(rendered)["statusCode"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotConfiguredError("a MOCK integration's request template must give a JSON statusCode") from error
    return Answer(status, {}, b"")


# HTTP.


def is_binary(headers: Mapping[str, Any], name: str) -> bool:
    """Whether a body with this media type (`content-type`, or the first that a client accepts) is taken as it is."""
    types = (gateway._rest_apis.get(apigateway_context.lookup("apiId") or "") or {}).get("binaryMediaTypes") or []
    if "*/*" in types:
        return True
    return gateway._media_type_matches(header(headers, name).split(",")[0], types)


def as_text(body: bytes) -> bytes:
    """A body that is taken for UTF-8: what is none is lost."""
    return body.decode("utf-8", "replace").encode()


def backend_url(integration: Mapping, call: Call, query: Mapping) -> urllib.parse.SplitResult:
    """The backend's address, with stage variables, path and query in place."""
    proxied = integration["type"] == "HTTP_PROXY"
    mapped = request_parameters(integration, call)
    paths = {**(call.params["path"] if proxied else {}), **mapped["path"]}
    url = re.sub(
        r"\$\{stageVariables\.(\w+)\}",
        lambda m: text_of(apigateway_context.lookup(f"stageVariables.{m[1]}")),
        integration["uri"],
    )
    url = re.sub(r"\{(\w+)\+?\}", lambda m: urllib.parse.quote(paths.get(m[1], ""), safe="/~!$&'()*+,;=:@"), url)
    pairs = [
        (name, value)
        for name, values in (query or {}).items()
        if proxied
        for value in (values if isinstance(values, list) else [values])
    ]
    pairs += mapped["querystring"].items()
    if pairs:
        url += ("&" if "?" in url else "?") + urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote)
    return urllib.parse.urlsplit(url)


def backend_headers(integration: Mapping, call: Call) -> dict[str, str]:
    """What the backend is told: with HTTP_PROXY the client's headers, and always the mapped ones."""
    headers = {"user-agent": f"AmazonAPIGateway_{apigateway_context.lookup('apiId')}", "accept": "application/json"}
    if integration["type"] == "HTTP_PROXY":
        for name, value in call.headers.items():
            signed = name.lower() == "authorization" and text_of(value).startswith("AWS4-HMAC-SHA256")
            if name.lower() not in NOT_SENT and not signed:
                headers[name.lower()] = text_of(value)
    client = header(call.headers, "x-forwarded-for")
    headers |= {
        "x-forwarded-for": ", ".join(filter(None, (client, "127.0.0.1"))),
        "x-forwarded-proto": header(call.headers, "x-forwarded-proto") or "http",
        "x-amzn-apigateway-api-id": text_of(apigateway_context.lookup("apiId")),
    }
    return headers | {name.lower(): value for name, value in request_parameters(integration, call)["header"].items()}


async def call_http(integration: Mapping, call: Call, method: str, body: bytes, query: Mapping) -> Answer:
    """Call an HTTP backend; with HTTP_PROXY the client's query string, headers and body go through."""
    url = backend_url(integration, call, query)
    headers = backend_headers(integration, call)
    proxied = integration["type"] == "HTTP_PROXY"
    data = body if proxied else render_request(integration, call).encode()
    if proxied and data and not is_binary(call.headers, "content-type"):
        data = as_text(data)
    verb = integration.get("httpMethod")
    verb = method if verb in (None, "", "ANY") else verb
    if data or verb in ("POST", "PUT", "PATCH"):
        headers["content-length"] = str(len(data or b""))

    def send() -> Answer:
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=float(integration.get("timeoutInMillis") or 29000) / 1000)
        try:
            # By hand, as `request` would add headers of its own. Nothing here follows a redirect.
            connection.putrequest(
                verb, urllib.parse.urlunsplit(("", "", url.path or "/", url.query, "")), skip_accept_encoding=True
            )
            for name, value in headers.items():
                connection.putheader(name, value.encode("utf-8"))
            connection.endheaders(data or None)
            reply = connection.getresponse()
            return Answer(reply.status, answered(reply, verb), reply.read())
        finally:
            connection.close()

    answer = await asyncio.to_thread(send)
    if answer.body and not is_binary(call.headers, "accept"):
        return Answer(answer.status, answer.headers, as_text(answer.body))
    return answer


def answered(reply: http.client.HTTPResponse, verb: str) -> dict[str, Any]:
    """A backend's headers as the client sees them: one value, or a list of them."""
    kept: dict[str, Any] = {}
    for name in dict.fromkeys(reply.headers.keys()):
        values = reply.headers.get_all(name) or []
        lower = name.lower()
        if lower in REMAPPED:
            kept[f"x-amzn-Remapped-{name}"] = values[0]
        elif lower not in NOT_ANSWERED or (lower == "content-length" and verb == "HEAD"):
            kept[name] = values if len(values) > 1 else values[0]
    if "content-type" not in (name.lower() for name in kept):
        kept["Content-Type"] = "application/json"
    return kept


# The way back.


def respond(integration: Mapping, call: Call, answer: Answer) -> Any:
    """The client's answer: by the integration response whose pattern matches the backend's status."""
    responses = list((integration.get("integrationResponses") or {}).values())
    chosen = next(
        (
            response
            for response in responses
            if response.get("selectionPattern") and re.fullmatch(response["selectionPattern"], str(answer.status))
        ),
        None,
    )
    chosen = chosen or next((response for response in responses if not response.get("selectionPattern")), None)
    if chosen is None:
        raise NotConfiguredError(f"no integration response for the backend's status {answer.status}, and no default")
    headers: dict[str, Any] = {}
    templates = chosen.get("responseTemplates") or {}
    accepted = [part.split(";")[0].strip() for part in header(call.headers, "accept").split(",")]
    media_type = next((name for name in accepted if name in templates), next(iter(templates), None))
    text = answer.body
    if media_type is not None:
        text = render_mapping(templates[media_type], answer.body.decode("utf-8", "replace"), call.params).encode()
    headers["Content-Type"] = media_type or header(answer.headers, "content-type") or "application/json"
    mapped = {
        target.removeprefix("method.response.header."): call.mapped(source, answer)
        for target, source in (chosen.get("responseParameters") or {}).items()
    }
    override = apigateway_context.lookup("responseOverride") or {}
    for name, value in {**mapped, **(override.get("header") or {})}.items():
        if value is not None:
            headers = {key: old for key, old in headers.items() if key.lower() != name.lower()} | {name: value}
    status = override.get("status")
    return int(text_of(status) if status is not None else chosen["statusCode"]), headers, text


def install() -> None:
    """Put the pipeline in the place of MiniStack's integrations."""
    stock_lambda = gateway._invoke_lambda_custom_v1
    stock_execute = gateway._execute_in_scope

    async def through(
        integration: Mapping,
        headers: Mapping,
        body: bytes,
        query: Mapping | None,
        path_params: Mapping | None,
        backend: Any,
    ) -> Any:
        decoded = {name: urllib.parse.unquote(value) for name, value in (path_params or {}).items()}
        call = Call(headers, (body or b"").decode("utf-8", "replace"), request_params(headers, query, decoded))
        try:
            answer = await backend(call)
            if integration["type"] == "HTTP_PROXY":
                return answer.status, dict(answer.headers), answer.body
            return respond(integration, call, answer)
        except UnsupportedMediaTypeError:
            return gateway._gw_error("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
        except (NotConfiguredError, TemplateError, ElementTree.ParseError) as error:
            log.error("%s: %s", integration.get("uri") or integration["type"], error)
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        except TimeoutError:
            return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        except (OSError, http.client.HTTPException) as error:
            log.error("%s: %s", integration["uri"], error)
            return gateway._gw_error("INTEGRATION_FAILURE", "Internal server error")

    async def service(
        integration: Mapping,
        api_id: str,
        stage_name: str,
        stage: Mapping,
        resource: Mapping,
        path: str,
        method: str,
        headers: Mapping,
        body: bytes,
        query: Mapping,
        path_params: Mapping,
        **options: Any,
    ) -> Any:
        parsed = gateway._parse_service_integration_uri(integration.get("uri", ""))
        if parsed is None or parsed[1] == "lambda":
            return await stock_lambda(
                integration,
                api_id,
                stage_name,
                stage,
                resource,
                path,
                method,
                headers,
                body,
                query,
                path_params,
                **options,
            )
        return await through(
            integration, headers, body, query, path_params, lambda call: call_service(integration, call)
        )

    async def backend(
        integration: Mapping,
        path: str,
        method: str,
        headers: Mapping,
        body: bytes,
        query: Mapping,
        path_params: Mapping | None = None,
    ) -> Any:
        return await through(
            integration,
            headers,
            body,
            query,
            path_params,
            lambda call: call_http(integration, call, method, body, query),
        )

    async def execute(
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
        answer = await stock_execute(request, api_id, stage_name, method, path, headers, body, query, account, region)
        # MiniStack hands a MOCK integration nothing of the request, so it is served here.
        if isinstance(answer, _Mock):
            return await through(
                answer.integration,
                headers,
                body,
                query,
                request["path_params"],
                lambda call: call_nothing(answer.integration, call),
            )
        return answer

    gateway._invoke_lambda_custom_v1 = service
    gateway._invoke_sqs_v1 = service
    gateway._invoke_http_proxy_v1 = backend
    gateway._invoke_mock_v1 = _Mock
    gateway._execute_in_scope = execute


@dataclass(frozen=True)
class _Mock:
    """Stands for the answer of a MOCK integration until the request is at hand."""

    integration: Mapping
