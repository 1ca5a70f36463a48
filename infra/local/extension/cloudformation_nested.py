"""Nested stacks that are transformed, checked and cleaned up like any other.

Gap: MiniStack deploys a nested stack's template as it stands: no SAM, no `AWS::Include`, no `{{resolve:…}}`, no check
of its resource types or references. An update forgets the attributes of resources that it does not change, so that
`Fn::GetAtt` fails; and a nested stack that fails leaves behind what it had created.
Real AWS: a nested stack is a stack: transforms run with CAPABILITY_AUTO_EXPAND, a template that is not valid is
refused, a failure rolls the whole tree back.
Here: the nested template goes through what a top-level one goes through; a creation that fails is deleted.
Unfaithful: no change sets for nested stacks; a nested stack's exports are refused; an update that fails in a nested
stack is taken back by another update to the old template.
"""

import contextlib
import contextvars
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services.cloudformation import _stacks, engine, provisioners

_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("inside_nested_stack", default=False)


@contextlib.contextmanager
def _nested() -> Iterator[None]:
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def install() -> None:
    """Go around the deployment of a nested stack and what it reads a template with."""
    # Nested stacks are transformed in threads, and of two first imports at once one fails.
    importlib.import_module("samtranslator.translator.transform")
    deploy, parse = provisioners._cfn_nested_stack_deploy, engine._parse_template
    evaluate, resolve = engine._evaluate_conditions, engine._resolve_refs
    update = provisioners._update_resource

    def parse_and_transform(text: str) -> dict:
        template = parse(text)
        if not _inside.get():
            return template
        template = engine._apply_transforms(template)
        exported = [name for name, output in (template.get("Outputs") or {}).items() if "Export" in output]
        if exported:
            raise ValueError(f"the local cloud does not export outputs of nested stacks: {', '.join(exported)}")
        return template

    def evaluate_and_check(template: dict, params: dict) -> dict:
        conditions = evaluate(template, params)
        if _inside.get():
            engine.validate_template_support(template, conditions, params)
        return conditions

    def resolve_with_dynamic_references(value: Any, *rest: Any) -> Any:
        resolved = resolve(value, *rest)
        if _inside.get() and isinstance(resolved, str) and "{{resolve:" in resolved:
            return engine._resolve_dynamic_references(resolved)[0]
        return resolved

    def update_with_attributes(
        resource_type: str,
        physical_id: str,
        old: Mapping,
        new: Mapping,
        stack_name: str,
        logical_id: str | None = None,
        attributes: dict | None = None,
    ) -> tuple:
        if attributes is None:
            attributes = _stacks[stack_name]["_resources"].get(logical_id, {}).get("Attributes")
        return update(resource_type, physical_id, old, new, stack_name, logical_id, attributes)

    def deploy_whole(logical_id: str, props: Mapping, parent: str, **options: Any) -> tuple:
        with _nested():
            try:
                return deploy(logical_id, props, parent, **options)
            except Exception:
                if options.get("previous_physical_id") is None:
                    _clean_up(parent, logical_id)
                raise

    engine._parse_template = parse_and_transform
    engine._evaluate_conditions = evaluate_and_check
    engine._resolve_refs = resolve_with_dynamic_references
    provisioners._update_resource = update_with_attributes
    provisioners._cfn_nested_stack_deploy = deploy_whole


def _clean_up(parent: str, logical_id: str) -> None:
    """Delete what a nested stack had created before it failed."""
    failed = [
        name
        for name, stack in _stacks.items()
        if stack.get("_parent_stack_name") == parent
        and name.startswith(f"{parent}-{logical_id}-")
        and stack["StackStatus"].endswith("_FAILED")
    ]
    for name in failed:
        provisioners._cfn_nested_stack_delete(name, {})
