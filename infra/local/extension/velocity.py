"""The part of Apache Velocity 1.x that mapping templates use. It knows nothing of MiniStack: see `apigateway_vtl`.

References (`$a.b`, `$!{a.b}`, method calls, indexes), `#set`, `#if`/`#elseif`/`#else`, `#foreach`/`#break`, `#stop`,
comments, `#[[unparsed]]#`, string interpolation, lists, ranges, maps, arithmetic, comparisons, and the methods of
Java's strings, lists and maps that a template is likely to call. What is not understood raises `TemplateError`:
a template that silently renders something else than on AWS is worse than one that fails.
"""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
SPACE = re.compile(r"\s*")
END_OF_LINE = re.compile(r"[ \t]*\r?\n")
INDENTATION = re.compile(r"(?:^|(?<=\n))[ \t]+$")
DIRECTIVE = re.compile(
    r"#(?:\{(set|if|elseif|else|end|foreach|break|stop)\}"
    r"|(set|if|elseif|else|end|foreach|break|stop)(?![A-Za-z0-9_-]))"
)
OPERATOR = re.compile(r"\|\||&&|==|!=|<=|>=|<|>|\+|-|\*|/|%|(?:and|or|eq|ne|gt|ge|lt|le)\b")
WORDS = {"and": "&&", "or": "||", "eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
PRECEDENCE = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    "<": 4,
    ">": 4,
    "<=": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
UNDEFINED = object()


class TemplateError(ValueError):
    """The template is not valid, or uses what this engine does not know."""


class _Break(Exception):
    """`#break`: leave the innermost loop."""


class _Stop(Exception):
    """`#stop`: render nothing further."""


@dataclass
class Scope:
    """What a template sees: fixed roots such as `input`, and the variables that it sets."""

    roots: Mapping[str, Any]
    variables: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """The value behind `$name`, or UNDEFINED."""
        return self.variables[name] if name in self.variables else self.roots.get(name, UNDEFINED)


Expression = Callable[[Scope], Any]
Node = Callable[[Scope, list[str]], None]


def render(template: str, roots: Mapping[str, Any]) -> str:
    """Render `template`; `roots` are the objects behind `$input`, `$context` and the like."""
    nodes, _, _ = _Parser(template).block(0, ())
    scope, out = Scope(roots), []
    with contextlib.suppress(_Stop):
        _run(nodes, scope, out)
    return "".join(out)


def check(template: str) -> None:
    """Raise what `render` would raise whatever the request: an error in the template's form."""
    _Parser(template).block(0, ())


def text_of(value: Any) -> str:
    """A value as Java prints it: null as nothing, a list as JSON, a map as `{key=value}`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={text_of(item)}" for key, item in value.items()) + "}"
    return str(value)


def _run(nodes: list[Node], scope: Scope, out: list[str]) -> None:
    for node in nodes:
        node(scope, out)


def _true(value: Any) -> bool:
    """Velocity 1.x: null and false are false; everything else, an empty string too, is true."""
    return value is not None and value is not UNDEFINED and value is not False


class _Parser:
    """Turns a template into nodes, each a function that writes what it stands for."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, what: str, at: int) -> TemplateError:
        line = self.text.count("\n", 0, at) + 1
        return TemplateError(f"mapping template, line {line}: {what}")

    # Text and directives.

    def block(self, at: int, until: tuple[str, ...]) -> tuple[list[Node], str, int]:
        """Nodes up to one of the directives `until`: (nodes, that directive or '', the position after it)."""
        nodes: list[Node] = []
        plain = at
        while at < len(self.text):
            char = self.text[at]
            if char == "#":
                if self.text.startswith("##", at):
                    end = self.text.find("\n", at)
                    nodes.append(_text(self.text[plain:at]))
                    plain = at = len(self.text) if end < 0 else end + 1
                elif self.text.startswith("#*", at):
                    nodes.append(_text(self.text[plain:at]))
                    plain = at = self.after("*#", at)
                elif self.text.startswith("#[[", at):
                    end = self.after("]]#", at)
                    nodes.append(_text(self.text[plain:at] + self.text[at + 3 : end - 3]))
                    plain = at = end
                elif match := DIRECTIVE.match(self.text, at):
                    name = match[1] or match[2]
                    before = self.text[plain:at]
                    nodes.append(_text(INDENTATION.sub("", before) if name == "set" else before))
                    if name in until:
                        return nodes, name, match.end()
                    node, at = self.directive(name, match.end())
                    nodes.append(node)
                    plain = at
                else:
                    at += 1
            elif char == "$" and (reference := self.reference(at)):
                nodes.append(_text(self.text[plain:at]))
                expression, quiet, end = reference
                nodes.append(_output(expression, "" if quiet else self.text[at:end]))
                plain = at = end
            else:
                at += 1
        if until:
            raise self.fail("#end is missing", len(self.text))
        nodes.append(_text(self.text[plain:]))
        return nodes, "", at

    def after(self, mark: str, at: int) -> int:
        end = self.text.find(mark, at)
        if end < 0:
            raise self.fail(f"{mark} is missing", at)
        return end + len(mark)

    def line_end(self, at: int) -> int:
        """Velocity swallows the rest of a line that holds nothing after a directive."""
        match = END_OF_LINE.match(self.text, at)
        return match.end() if match else at

    def directive(self, name: str, at: int) -> tuple[Node, int]:
        match name:
            case "set":
                return self.assignment(at)
            case "if":
                return self.condition(at)
            case "foreach":
                return self.loop(at)
            case "break":
                return _raise(_Break), at
            case "stop":
                return _raise(_Stop), at
        raise self.fail(f"#{name} without its beginning", at)

    def assignment(self, at: int) -> tuple[Node, int]:
        at = self.expect("(", at)
        at = self.space(at)
        target = self.target(at)
        if target is None:
            raise self.fail("#set needs a reference to set", at)
        name, path, at = target
        value, at = self.expression(self.expect("=", at))
        return _assign(name, path, value), self.line_end(self.expect(")", at))

    def target(self, at: int) -> tuple[str, list[str | Expression], int] | None:
        match = re.compile(r"\$!?(\{?)([A-Za-z][\w-]*)").match(self.text, at)
        if not match:
            return None
        path: list[str | Expression] = []
        at = match.end()
        while at < len(self.text):
            if self.text[at] == "." and (part := NAME.match(self.text, at + 1)):
                path.append(part[0])
                at = part.end()
            elif self.text[at] == "[":
                index, at = self.expression(at + 1)
                path.append(index)
                at = self.expect("]", at)
            else:
                break
        return match[2], path, self.expect("}", at) if match[1] else at

    def condition(self, at: int) -> tuple[Node, int]:
        branches: list[tuple[Expression, list[Node]]] = []
        otherwise: list[Node] = []
        end = "if"
        while end in ("if", "elseif"):
            test, at = self.expression(self.expect("(", at))
            nodes, end, at = self.block(self.line_end(self.expect(")", at)), ("elseif", "else", "end"))
            branches.append((test, nodes))
        if end == "else":
            otherwise, end, at = self.block(self.line_end(at), ("end",))
        return _choose(branches, otherwise), self.line_end(at)

    def loop(self, at: int) -> tuple[Node, int]:
        at = self.space(self.expect("(", at))
        target = self.target(at)
        if target is None or target[1]:
            raise self.fail("#foreach needs a variable", at)
        word = re.compile(r"\s*in\s+").match(self.text, target[2])
        if not word:
            raise self.fail("#foreach needs `in`", at)
        items, at = self.expression(word.end())
        nodes, _, at = self.block(self.line_end(self.expect(")", at)), ("end",))
        return _repeat(target[0], items, nodes), self.line_end(at)

    # Expressions.

    def space(self, at: int) -> int:
        match = SPACE.match(self.text, at)
        return match.end() if match else at

    def expect(self, mark: str, at: int) -> int:
        at = self.space(at)
        if not self.text.startswith(mark, at):
            raise self.fail(f"{mark!r} is missing before {self.text[at : at + 20]!r}", at)
        return at + len(mark)

    def expression(self, at: int, level: int = 1) -> tuple[Expression, int]:
        left, at = self.operand(self.space(at))
        while match := OPERATOR.match(self.text, self.space(at)):
            sign = WORDS.get(match[0], match[0])
            if PRECEDENCE[sign] < level:
                break
            right, at = self.expression(match.end(), PRECEDENCE[sign] + 1)
            left = _binary(sign, left, right)
        return left, at

    def operand(self, at: int) -> tuple[Expression, int]:
        char = self.text[at : at + 1]
        if char == "!" or re.compile(r"not\b").match(self.text, at):
            inner, at = self.operand(self.space(at + (1 if char == "!" else 3)))
            return lambda scope: not _true(inner(scope)), at
        if char == "(":
            inner, at = self.expression(at + 1)
            return inner, self.expect(")", at)
        if char in ("'", '"') and char:
            return self.string(char, at)
        if char == "[":
            return self.list_literal(at + 1)
        if char == "{":
            return self.map_literal(at + 1)
        if char == "$" and (reference := self.reference(at)):
            expression, _, at = reference
            return lambda scope: None if (value := expression(scope)) is UNDEFINED else value, at
        if match := NUMBER.match(self.text, at):
            number = float(match[0]) if match[1] else int(match[0])
            return lambda scope: number, match.end()
        if match := re.compile(r"(true|false|null)\b").match(self.text, at):
            constant = {"true": True, "false": False, "null": None}[match[0]]
            return lambda scope: constant, match.end()
        raise self.fail(f"no expression begins with {self.text[at : at + 20]!r}", at)

    def string(self, quote: str, at: int) -> tuple[Expression, int]:
        """A literal; the double-quoted kind is a template itself. A doubled quote stands for one."""
        end = at + 1
        while True:
            end = self.text.find(quote, end)
            if end < 0:
                raise self.fail("a string is not closed", at)
            if not self.text.startswith(quote * 2, end):
                break
            end += 2
        literal = self.text[at + 1 : end].replace(quote * 2, quote)
        if quote == "'" or not re.search(r"[$#]", literal):
            return lambda scope: literal, end + 1
        nodes, _, _ = _Parser(literal).block(0, ())

        def interpolate(scope: Scope) -> str:
            out: list[str] = []
            _run(nodes, scope, out)
            return "".join(out)

        return interpolate, end + 1

    def list_literal(self, at: int) -> tuple[Expression, int]:
        items, at = self.arguments(at, "]", ranges=True)
        return lambda scope: [item for part in items for item in part(scope)], at

    def map_literal(self, at: int) -> tuple[Expression, int]:
        pairs: list[tuple[Expression, Expression]] = []
        while not self.text.startswith("}", self.space(at)):
            key, at = self.expression(at)
            value, at = self.expression(self.expect(":", at))
            pairs.append((key, value))
            if not self.text.startswith("}", self.space(at)):
                at = self.expect(",", at)
        return lambda scope: {text_of(key(scope)): value(scope) for key, value in pairs}, self.expect("}", at)

    def arguments(self, at: int, end: str, ranges: bool = False) -> tuple[list[Expression], int]:
        """Comma-separated expressions up to `end`; with `ranges`, each gives a list (one item, or `a..b`)."""
        found: list[Expression] = []
        while not self.text.startswith(end, self.space(at)):
            item, at = self.expression(at)
            if ranges and self.text.startswith("..", self.space(at)):
                last, at = self.expression(self.expect("..", at))
                found.append(_range(item, last))
            else:
                found.append(_single(item) if ranges else item)
            if not self.text.startswith(end, self.space(at)):
                at = self.expect(",", at)
        return found, self.expect(end, at)

    def reference(self, at: int) -> tuple[Expression, bool, int] | None:
        """The reference at `$`: (its value, whether it is quiet, the position after it); None if it is only text."""
        match = re.compile(r"\$(!?)(\{?)([A-Za-z][\w-]*)").match(self.text, at)
        if not match:
            return None
        name = match[3]
        value: Expression = lambda scope: scope.get(name)  # noqa: E731
        at = match.end()
        while at < len(self.text):
            if self.text[at] == "." and (part := NAME.match(self.text, at + 1)):
                if self.text.startswith("(", part.end()):
                    arguments, at = self.arguments(part.end() + 1, ")")
                    value = _call(value, part[0], arguments)
                else:
                    value, at = _property(value, part[0]), part.end()
            elif self.text[at] == "[":
                index, at = self.expression(at + 1)
                value, at = _index(value, index), self.expect("]", at)
            else:
                break
        if match[2]:
            if not self.text.startswith("}", at):
                return None
            at += 1
        return value, bool(match[1]), at


# Nodes.


def _text(text: str) -> Node:
    return lambda scope, out: out.append(text)


def _raise(error: type[Exception]) -> Node:
    def leave(scope: Scope, out: list[str]) -> None:
        raise error

    return leave


def _output(expression: Expression, source: str) -> Node:
    def write(scope: Scope, out: list[str]) -> None:
        value = expression(scope)
        # A reference that means nothing stays in the text as it was written, unless it is quiet.
        out.append(source if value is UNDEFINED else text_of(value))

    return write


def _assign(name: str, path: list[str | Expression], expression: Expression) -> Node:
    def assign(scope: Scope, out: list[str]) -> None:
        value = expression(scope)
        if value is None:
            return  # Velocity leaves a variable as it was.
        if not path:
            scope.variables[name] = value
            return
        holder = scope.get(name)
        keys = [part if isinstance(part, str) else part(scope) for part in path]
        for key in keys[:-1]:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, list):
            holder[int(keys[-1])] = value
        elif isinstance(holder, dict):
            holder[text_of(keys[-1])] = value
        else:
            raise TemplateError(f"#set: ${name} has no {'.'.join(map(text_of, keys))} to set")

    return assign


def _choose(branches: list[tuple[Expression, list[Node]]], otherwise: list[Node]) -> Node:
    def choose(scope: Scope, out: list[str]) -> None:
        nodes = next((nodes for test, nodes in branches if _true(test(scope))), otherwise)
        _run(nodes, scope, out)

    return choose


def _repeat(name: str, expression: Expression, nodes: list[Node]) -> Node:
    def repeat(scope: Scope, out: list[str]) -> None:
        items = expression(scope)
        items = list(items.values()) if isinstance(items, Mapping) else list(items or [])
        saved = {key: scope.variables.get(key, UNDEFINED) for key in (name, "foreach", "velocityCount")}
        for position, item in enumerate(items):
            scope.variables[name] = item
            scope.variables["velocityCount"] = position + 1
            scope.variables["foreach"] = {
                "index": position,
                "count": position + 1,
                "first": position == 0,
                "hasNext": position + 1 < len(items),
                "last": position + 1 == len(items),
            }
            try:
                _run(nodes, scope, out)
            except _Break:
                break
        for key, value in saved.items():
            scope.variables.pop(key, None)
            if value is not UNDEFINED:
                scope.variables[key] = value

    return repeat


# Expressions.


def _single(item: Expression) -> Expression:
    return lambda scope: [item(scope)]


def _range(first: Expression, last: Expression) -> Expression:
    def numbers(scope: Scope) -> list[int]:
        a, b = int(first(scope)), int(last(scope))
        return list(range(a, b + 1)) if a <= b else list(range(a, b - 1, -1))

    return numbers


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) == isinstance(right, bool) and (_number(left) == _number(right)):
        return left == right
    return text_of(left) == text_of(right)  # Velocity compares what differs in type by its text.


def _binary(sign: str, left: Expression, right: Expression) -> Expression:
    def logic(scope: Scope) -> bool:
        return (
            (_true(left(scope)) or _true(right(scope)))
            if sign == "||"
            else (_true(left(scope)) and _true(right(scope)))
        )

    def calculate(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        if sign in ("==", "!="):
            return _equal(a, b) == (sign == "==")
        if sign == "+" and (isinstance(a, str) or isinstance(b, str)):
            return text_of(a) + text_of(b)
        if not _number(a) or not _number(b):
            raise TemplateError(f"{sign} needs two numbers, not {text_of(a)!r} and {text_of(b)!r}")
        if sign in ("/", "%") and b == 0:
            return None
        whole = isinstance(a, int) and isinstance(b, int)
        quotient = int(a / b) if b and whole else a / b if b else 0  # Java rounds towards zero.
        return {
            "<": a < b,
            ">": a > b,
            "<=": a <= b,
            ">=": a >= b,
            "+": a + b,
            "-": a - b,
            "*": a * b,
            "/": quotient,
            "%": a - b * int(a / b) if b else 0,
        }[sign]

    return logic if sign in ("||", "&&") else calculate


def _property(holder: Expression, name: str) -> Expression:
    def read(scope: Scope) -> Any:
        value = holder(scope)
        if value is UNDEFINED:
            return UNDEFINED
        if isinstance(value, Mapping):
            return value.get(name)
        # `$x.size` and the like are short for a getter, which these types do not have; `$x.empty` is.
        if name == "empty" and isinstance(value, str | list):
            return not value
        return getattr(value, f"get_{name}")() if hasattr(value, f"get_{name}") else None

    return read


def _index(holder: Expression, index: Expression) -> Expression:
    def read(scope: Scope) -> Any:
        value, key = holder(scope), index(scope)
        if isinstance(value, Mapping):
            return value.get(text_of(key))
        if isinstance(value, list):
            return value[int(key)] if -len(value) <= int(key) < len(value) else None
        return UNDEFINED if value is UNDEFINED else None

    return read


def _call(holder: Expression, name: str, arguments: list[Expression]) -> Expression:
    def call(scope: Scope) -> Any:
        value = holder(scope)
        if value is UNDEFINED or value is None:
            return value
        return invoke(value, name, [argument(scope) for argument in arguments])

    return call


def invoke(value: Any, name: str, arguments: list[Any]) -> Any:
    """Call a method of a Java-like value, or `call_<name>` of one of our own roots."""
    if own := getattr(value, f"call_{name}", None):
        return own(*arguments)
    if name == "toString":
        return text_of(value)
    if name == "equals":
        return type(value) is type(arguments[0]) and value == arguments[0]
    table = (
        STRING_METHODS
        if isinstance(value, str)
        else LIST_METHODS
        if isinstance(value, list)
        else MAP_METHODS
        if isinstance(value, Mapping)
        else NUMBER_METHODS
        if _number(value)
        else {}
    )
    method = table.get(name)
    if method is None:
        raise TemplateError(f"the method {name}() of {text_of(value)[:20]!r} is not known to this engine")
    try:
        return method(value, *arguments)
    except re.error as error:
        raise TemplateError(f"{name}(): the regular expression is not valid here: {error}") from error


def _replacement(text: str) -> str:
    """Java's `$1` and `\\x` in a replacement, in Python's notation."""
    pieces = re.findall(r"\\.|\$\d|[^\\$]+|[\\$]", text, re.DOTALL)
    return "".join(
        f"\\g<{p[1:]}>" if p[0] == "$" and len(p) > 1 else (p[1:] if p[0] == "\\" else p).replace("\\", "\\\\")
        for p in pieces
    )


def _split(text: str, pattern: str, limit: int = 0) -> list[str]:
    parts = re.split(pattern, text, maxsplit=max(limit - 1, 0))
    while limit == 0 and len(parts) > 1 and parts[-1] == "":
        parts.pop()
    return parts


STRING_METHODS: dict[str, Callable[..., Any]] = {
    "matches": lambda s, pattern: re.fullmatch(pattern, s) is not None,
    "length": len,
    "isEmpty": lambda s: not s,
    "contains": lambda s, part: text_of(part) in s,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "equalsIgnoreCase": lambda s, other: s.lower() == text_of(other).lower(),
    "substring": lambda s, first, last=None: s[first:last],
    "indexOf": str.find,
    "lastIndexOf": str.rfind,
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
    "concat": lambda s, other: s + other,
    "charAt": lambda s, at: s[at],
    "replace": lambda s, old, new: s.replace(old, new),
    "replaceAll": lambda s, pattern, new: re.sub(pattern, _replacement(new), s),
    "replaceFirst": lambda s, pattern, new: re.sub(pattern, _replacement(new), s, count=1),
    "split": _split,
}
LIST_METHODS: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda items: not items,
    "get": lambda items, at: items[at],
    "contains": lambda items, item: item in items,
    "add": lambda items, item: items.append(item) or True,
    "addAll": lambda items, more: items.extend(more) or True,
    "indexOf": lambda items, item: items.index(item) if item in items else -1,
}
MAP_METHODS: dict[str, Callable[..., Any]] = {
    "get": lambda items, key: items.get(text_of(key)),
    "size": len,
    "isEmpty": lambda items: not items,
    "containsKey": lambda items, key: items.get(text_of(key)) is not None or text_of(key) in items,
    "keySet": lambda items: list(items.keys()),
    "values": lambda items: list(items.values()),
    "entrySet": lambda items: [{"key": key, "value": value} for key, value in items.items()],
    "put": lambda items, key, value: items.__setitem__(text_of(key), value),
    "remove": lambda items, key: items.pop(text_of(key), None),
}
NUMBER_METHODS: dict[str, Callable[..., Any]] = {"intValue": int, "longValue": int, "doubleValue": float}
