"""JSONata states that assign, choose and fork as documented.

Gap: the expressions of one `Assign` see each other's new values; a Choice condition may be anything, and a Choice's own
`Output` is ignored; a Parallel state ignores `Arguments`, `Output` and `Assign`.
Real AWS: all expressions of a state see the variables as they were when the state was entered; a condition that is not
a boolean fails with `States.QueryEvaluationError`; Parallel takes the same fields as other JSONata states; variables of
an inner scope do not leave it.
Here: the same.
Unfaithful: expressions are evaluated by a Python port of JSONata 2; sizes and recursion are not limited as on AWS.
"""

import json

from ministack.services import stepfunctions as sfn
from ministack.services.stepfunctions import _ExecutionError as StateError

_upstream_choice = sfn._execute_choice
_upstream_parallel = sfn._run_parallel_branches


def install() -> None:
    """Replace what JSONata states do with variables, conditions and branches."""
    sfn._apply_state_assign = _apply_state_assign
    sfn._execute_choice = _execute_choice
    sfn._run_parallel_branches = _run_parallel_branches


def _is_jsonata(state: dict, context: dict) -> bool:
    return sfn._state_query_language(state, context) == "JSONata"


def _apply_state_assign(state: dict, data: object, context: dict, result: object = None, error_output=None) -> None:
    """Evaluate every variable before any is set."""
    if context is None or not isinstance(state.get("Assign"), dict):
        return
    language = state.get("QueryLanguage") or context.get("QueryLanguage")
    if language != "JSONata":
        return
    values = sfn._apply_jsonata_template(state["Assign"], data, context, result=result, error_output=error_output)
    context.setdefault("variables", {}).update(values)


def _execute_choice(state: dict, data: object, context: dict) -> tuple[object, str]:
    if not _is_jsonata(state, context):
        return _upstream_choice(state, data, context)
    for rule in state["Choices"]:
        met = sfn._apply_jsonata_template(rule["Condition"], data, context)
        if not isinstance(met, bool):
            raise StateError(
                "States.QueryEvaluationError",
                f"The condition {rule['Condition']} is not a boolean, but {json.dumps(met)}.",
            )
        if met:
            return _leave(rule, data, context), rule["Next"]
    if "Default" not in state:
        raise StateError("States.NoChoiceMatched", "No choice rule matched, and there is no Default.")
    return _leave(state, data, context), state["Default"]


def _leave(rule: dict, data: object, context: dict) -> object:
    output = sfn._apply_jsonata_output(rule, data, context, default=data)
    _apply_state_assign({**rule, "QueryLanguage": "JSONata"}, data, context)
    return output


def _run_parallel_branches(state: dict, data: object, execution: dict, context: dict) -> tuple[object, str | None]:
    if not _is_jsonata(state, context):
        return _upstream_parallel(state, data, execution, context)
    bare = {key: value for key, value in state.items() if key not in ("Output", "Assign", "Arguments")}
    arguments = sfn._apply_jsonata_arguments(state, data, context)
    # As JSONPath, a state without any path field hands its branches' results through.
    results, following = _upstream_parallel({**bare, "QueryLanguage": "JSONPath"}, arguments, execution, context)
    output = sfn._apply_jsonata_output(state, data, context, result=results, default=results)
    _apply_state_assign(state, data, context, result=results)
    return output, following
