"""What a pipe's JSON paths, dynamic parameters and input templates make of an event.

As AWS documents it: a string gets quotes where the template has none; an object or list inside a text loses its
quotes; no value is escaped, so a text that holds a quote or a backslash breaks a template that makes JSON, and the
batch is not delivered. Strictness is deliberate: AWS does not say how it treats such a value without quotes around it.
"""

import contextlib
import json
import re
from collections.abc import Mapping

_TEXT_OR_PLACEHOLDER = re.compile(r'"(?:\\.|[^"\\])*"|<[^<>]+>')
_PLACEHOLDER = re.compile(r"<([^<>]+)>")


def render(template: str, event: object, reserved: Mapping[str, object]) -> object:
    """Fill `<$.path>` and the reserved variables in; the result is JSON where it can be, else a text.

    Raises ValueError if the template is a JSON object or list, and what came out is not.
    """

    def value_of(name: str) -> object:
        return reserved[name] if name in reserved else at_path(event, name)

    def fill(match: re.Match) -> str:
        token = match.group(0)
        if token.startswith('"'):
            return _PLACEHOLDER.sub(lambda inner: _in_text(value_of(inner.group(1))), token)
        value = value_of(token[1:-1])
        return f'"{value}"' if isinstance(value, str) else json.dumps(value)

    filled = _TEXT_OR_PLACEHOLDER.sub(fill, template)
    if template.lstrip().startswith(("{", "[")):
        try:
            return json.loads(filled)
        except ValueError as error:
            raise ValueError(f"the input template made no JSON ({error}): {filled}") from None
    return parsed(filled)


def _in_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")


def resolved(parameters: Mapping[str, object], event: object) -> dict[str, object]:
    """Target parameters with every one that is a JSON path replaced by what it finds in the event."""
    return {
        key: at_path(event, value) if isinstance(value, str) and value.startswith("$.") else value
        for key, value in parameters.items()
    }


def at_path(event: object, path: str) -> object:
    """The value at `$.a.b[0]`; an empty text where there is none."""
    for step in re.findall(r"[^.\[\]$]+", path):
        event = parsed(event)
        if isinstance(event, dict):
            event = event.get(step, "")
        elif isinstance(event, list) and step.isdigit() and int(step) < len(event):
            event = event[int(step)]
        else:
            return ""
    return event


def parsed(value: object) -> object:
    """A text that is JSON as what it says, anything else as it is."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value
