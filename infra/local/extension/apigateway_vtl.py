"""Mapping templates in the whole of Velocity.

Gap: MiniStack substitutes references and runs `#set`; `#if`, `#foreach`, method calls, most of `$util` and most of
`$context` are missing, and `$input.json` gives a string without its quotes.
Real AWS: the Velocity engine, with `$input`, `$util`, `$context` and `$stageVariables`.
Here: `velocity.py`, with those four roots.
`$input.params` finds a header in the spelling that it came in, and in no other.
Unfaithful: the server hands all of them over in lower case, as AWS does over HTTP/2 (over HTTP/1.1: as the client wrote
them, so write templates that need neither); JSONPath knows names, indexes and `[*]` only; regular expressions are
Python's.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from ministack.services import apigateway_v1 as gateway

from extension import apigateway_context
from extension.velocity import TemplateError, render, text_of

ESCAPES = {
    "'": "\\'",
    '"': '\\"',
    "\\": "\\\\",
    "/": "\\/",
    "\b": "\\b",
    "\n": "\\n",
    "\t": "\\t",
    "\f": "\\f",
    "\r": "\\r",
}
PATH_STEP = re.compile(r"""\.([\w-]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]|(\[\*\]|\.\*)""")


def escape_javascript(value: Any) -> str:
    """What `$util.escapeJavaScript` answers: commons-lang's rules, so `'` becomes `\\'`, which is not valid in JSON."""
    out = []
    for unit in text_of(value).encode("utf-16-be", "surrogatepass").hex(" ", 2).split():
        char = chr(int(unit, 16))
        out.append(ESCAPES.get(char) or (char if " " <= char <= "~" else f"\\u{int(unit, 16):04X}"))
    return "".join(out)


def url_encode(value: Any) -> str:
    """What `java.net.URLEncoder` answers."""
    return urllib.parse.quote_plus(text_of(value), safe="*").replace("~", "%7E")


def json_path(document: Any, path: str) -> Any:
    """The value at `path` (names, indexes, `[*]`), or None where there is none."""
    path = path.strip()
    if not path.startswith("$"):
        raise TemplateError(f"JSONPath {path!r} does not begin with $")
    nodes, many, at = [document], False, 1
    while at < len(path):
        step = PATH_STEP.match(path, at)
        if not step:
            raise TemplateError(f"JSONPath {path!r}: only names, indexes and [*] are known here")
        name, index = step[1] or step[3] or step[4], step[2]
        if step[5]:
            many = True
            nodes = [
                item
                for node in nodes
                if isinstance(node, list | dict)
                for item in (node.values() if isinstance(node, dict) else node)
            ]
        elif index is not None:
            nodes = [node[int(index)] for node in nodes if isinstance(node, list) and int(index) < len(node)]
        else:
            nodes = [node[name] for node in nodes if isinstance(node, dict) and name in node]
        at = step.end()
    return nodes if many else (nodes[0] if nodes else None)


class Input:
    """`$input`: the payload and the request's parameters."""

    def __init__(self, body: str, params: Mapping[str, Mapping[str, str]]) -> None:
        self._body = body
        self._params = params

    def _document(self) -> Any:
        if not self._body.strip():
            return {}
        try:
            return json.loads(self._body)
        except json.JSONDecodeError as error:
            raise TemplateError(f"$input: the payload is not valid JSON: {error}") from error

    def get_body(self) -> str:
        """`$input.body`: the payload as it came."""
        return self._body

    def call_path(self, path: str) -> Any:
        """`$input.path(...)`: the value, for the template to work with."""
        return json_path(self._document(), path)

    def call_json(self, path: str) -> str:
        """`$input.json(...)`: the value as JSON, so a string comes in quotes; what is missing is `""`."""
        value = json_path(self._document(), path)
        return '""' if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def call_params(self, name: str | None = None) -> Any:
        """`$input.params()`: all of them by place; `$input.params(name)`: from path, query string or header."""
        if name is None:
            return {
                "path": self._params["path"],
                "querystring": self._params["querystring"],
                "header": self._params["header"],
            }
        for place in ("path", "querystring", "header"):
            value = self._params[place].get(name)
            if value is not None:
                return value
        return ""


class Util:
    """`$util`."""

    call_escapeJavaScript = staticmethod(escape_javascript)
    call_urlEncode = staticmethod(url_encode)

    def call_urlDecode(self, value: Any) -> str:
        """`$util.urlDecode(...)`."""
        return urllib.parse.unquote_plus(text_of(value))

    def call_base64Encode(self, value: Any) -> str:
        """`$util.base64Encode(...)`."""
        return base64.b64encode(text_of(value).encode()).decode()

    def call_base64Decode(self, value: Any) -> str:
        """`$util.base64Decode(...)`."""
        return base64.b64decode(text_of(value)).decode("utf-8", "replace")

    def call_parseJson(self, value: Any) -> Any:
        """`$util.parseJson(...)`."""
        try:
            return json.loads(text_of(value))
        except json.JSONDecodeError as error:
            raise TemplateError(f"$util.parseJson: not valid JSON: {error}") from error


def request_params(headers: Mapping, query: Mapping | None, path: Mapping | None) -> dict[str, dict[str, str]]:
    """The parameters of a request by place, each with one value."""

    def last(value: Any) -> str:
        return value if isinstance(value, str) else (value[-1] if value else "")

    return {
        "header": {name: last(value) for name, value in (headers or {}).items()},
        "querystring": {name: last(value) for name, value in (query or {}).items()},
        "path": dict(path or {}),
    }


def render_mapping(template: str, body: str, params: Mapping[str, Mapping[str, str]]) -> str:
    """Render a mapping template for the request that is being served."""
    context = apigateway_context.CURRENT.get({})
    return render(
        template,
        {
            "input": Input(body, params),
            "util": Util(),
            "context": context,
            "stageVariables": context.get("stageVariables") or {},
        },
    )


def install() -> None:
    """Replace MiniStack's renderer, for the integrations that it still serves itself."""

    def render_flat(template: str, body: str, params: Mapping[str, str], context: Mapping | None = None) -> str:
        return render_mapping(template, body, {"path": {}, "querystring": {}, "header": params})

    gateway._render_request_template_v1 = render_flat
