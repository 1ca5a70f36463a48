"""The part of JSONata that our state machines keep to, so that a small interpreter can run them in simulations.

Paths with literal indexes, literals, objects and arrays, comparisons, `&`, arithmetic, `and`, `or`, `in`, `? :`, and
the functions of `FUNCTIONS`. No lambdas, no assignments, no sorting, mapping or wildcards.
"""

import re
from collections.abc import Iterator

FUNCTIONS = {
    "contains",
    "count",
    "exists",
    "floor",
    "fromMillis",
    "millis",
    "not",
    "number",
    "parse",
    "random",
    "string",
    "toMillis",
    "type",
}
TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<variable>\$[A-Za-z_]\w*)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<operator>!=|<=|>=|[.\[\](){},:?=<>&+\-*/%])
    )""",
    re.VERBOSE,
)
OPERAND_ENDS = {"string", "number", "variable", "name"}
WORDS = {"and", "or", "in"}
"""Operators that look like names."""


def violations(expression: str) -> Iterator[str]:
    """What `expression` (without its `{% %}`) uses outside of the subset."""
    tokens = []
    place = 0
    text = expression.rstrip()
    while place < len(text):
        match = TOKEN.match(text, place)
        if not match:
            yield f"cannot read `{text[place:].strip()[:20]}`"
            return
        tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
        place = match.end()
    for index, (kind, value) in enumerate(tokens):
        before = tokens[index - 1] if index else ("", "")
        after = tokens[index + 1] if index + 1 < len(tokens) else ("", "")
        if kind == "variable" and after[1] == "(" and value[1:] not in FUNCTIONS:
            yield f"the function {value} is not on the list"
        if kind == "name" and value not in WORDS and after[1] == "(":
            yield f"`{value}(` is not in the subset"
        if value in ("*", "%") and not _ends_operand(before):
            yield f"`{value}` as a wildcard or parent"
        if value == "[" and _ends_operand(before) and after[0] != "number":
            yield "a filter; only literal indexes are in the subset"
        if (before[1], value) in ((":", "="), (".", ".")):
            yield f"`{before[1]}{value}` is not in the subset"
        if value == "(" and before[1] == ".":
            yield "mapping over a block"


def _ends_operand(token: tuple[str, str]) -> bool:
    kind, value = token
    return (kind in OPERAND_ENDS and value not in WORDS) or value in (")", "]", "}")
