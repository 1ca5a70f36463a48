"""CloudWatch metric math: expressions over series of numbers.

A series maps the start of each period that has data to its value; a period without data is absent. An expression is
computed for a grid of periods, so that FILL knows which ones are missing.
"""

import ast
import math
import operator
import re
from collections.abc import Callable

Series = dict[float, float]
Value = float | Series | list


class MetricMathError(ValueError):
    """The expression is not one that is understood here."""


_OPERATORS: dict[type, Callable[[float, float], float | None]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b if b else None,  # as on AWS, no value for a division by zero
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda a, b: bool(a) and bool(b),
    ast.Or: lambda a, b: bool(a) or bool(b),
}
_AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "SUM": math.fsum,
    "AVG": lambda values: math.fsum(values) / len(values),
    "MIN": min,
    "MAX": max,
}
_FUNCTIONS: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_WORDS = ((r"&&|\bAND\b", " and "), (r"\|\||\bOR\b", " or "), (r"\^", "**"))


def parse(expression: str) -> ast.expr:
    """Read an expression; raises `MetricMathError` when it is not understood."""
    for pattern, word in _WORDS:
        expression = re.sub(pattern, word, expression)
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise MetricMathError(f"Error in expression '{expression}': {error.msg}") from None
    for name in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"REPEAT", "METRICS"}:
        if name.isupper() and name not in {*_AGGREGATES, *_FUNCTIONS, "FILL", "IF"}:
            raise MetricMathError(f"The local cloud has no metric math function {name}.")
    return tree


def evaluate(expression: str, grid: list[float], metrics: dict[str, Series]) -> Series:
    """Compute an expression for each period of the grid; what is constant is a value of every period."""
    value = _Evaluation(grid, metrics).value(parse(expression))
    if isinstance(value, list):
        raise MetricMathError("The expression is not one series.")
    return value if isinstance(value, dict) else dict.fromkeys(grid, float(value))


class _Evaluation:
    def __init__(self, grid: list[float], metrics: dict[str, Series]) -> None:
        self._grid = grid
        self._metrics = metrics

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in self._metrics:
                return self._metrics[name]
            case ast.List(elts=parts):
                return [self.value(part) for part in parts]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _combine(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
                return _combine(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=[first, *others]):
                result = self.value(first)
                for other in others:
                    result = _combine(_OPERATORS[type(op)], result, self.value(other))
                return result
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _combine(operator.sub, 0.0, self.value(operand))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, arguments)
        raise MetricMathError(f"The local cloud does not understand '{ast.unparse(node)}' in metric math.")

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        if name == "METRICS" and not arguments:
            return list(self._metrics.values())
        if name == "FILL" and len(arguments) == 2:
            return self._fill(self.value(arguments[0]), arguments[1])
        if name == "IF" and len(arguments) == 3:
            return self._choose(*(self.value(argument) for argument in arguments))
        if name in _AGGREGATES and len(arguments) == 1:
            return self._aggregate(_AGGREGATES[name], self.value(arguments[0]))
        if name in _FUNCTIONS and len(arguments) == 1:
            function = _FUNCTIONS[name]
            return _combine(lambda value, _: float(function(value)), self.value(arguments[0]), 0.0)
        raise MetricMathError(f"The local cloud does not understand {name} with {len(arguments)} arguments.")

    def _fill(self, series: Value, filler: ast.expr) -> Value:
        if isinstance(series, list):
            return [self._fill(part, filler) for part in series]
        if not isinstance(series, dict):
            raise MetricMathError("FILL takes a metric.")
        if not series:  # as on AWS, what has no value at all is not there to be filled
            return {}
        repeat = isinstance(filler, ast.Name) and filler.id == "REPEAT"
        value = None if repeat else self.value(filler)
        filled: Series = {}
        for moment in self._grid:
            last = series.get(moment, value.get(moment) if isinstance(value, dict) else value)
            if repeat:
                value = last
            if last is not None:
                filled[moment] = last
        return filled

    def _choose(self, condition: Value, yes: Value, no: Value) -> Value:
        chosen: Series = {}
        for moment in self._grid:
            met = _at(condition, moment)
            result = _at(yes if met else no, moment) if met is not None else None
            if result is not None:
                chosen[moment] = result
        return chosen

    def _aggregate(self, function: Callable[[list[float]], float], value: Value) -> Value:
        if isinstance(value, dict):  # one series: a single number
            return function(list(value.values())) if value else 0.0
        if not isinstance(value, list):
            raise MetricMathError("An aggregate takes a metric or a list of metrics.")
        columns = ((moment, [at for part in value if (at := _at(part, moment)) is not None]) for moment in self._grid)
        return {moment: function(column) for moment, column in columns if column}


def _at(value: Value, moment: float) -> float | None:
    return value.get(moment) if isinstance(value, dict) else value


def _combine(function: Callable[[float, float], float | None], left: Value, right: Value) -> Value:
    """Apply a function period by period, where both sides have a value."""
    if isinstance(left, list) or isinstance(right, list):
        left_parts = left if isinstance(left, list) else [left] * len(right)
        right_parts = right if isinstance(right, list) else [right] * len(left)
        return [_combine(function, a, b) for a, b in zip(left_parts, right_parts, strict=True)]
    if not isinstance(left, dict) and not isinstance(right, dict):
        return float(function(left, right) or 0)
    moments = [moment for moment in (left if isinstance(left, dict) else right) if _at(right, moment) is not None]
    results = ((moment, function(_at(left, moment), _at(right, moment))) for moment in moments)
    return {moment: float(result) for moment, result in results if result is not None}
