"""A template cannot ask for something that the local cloud would silently leave out.

Gap: MiniStack ignores properties that a resource's handler does not read, lets a `Ref` to nothing stand as the name
itself, and resolves `Fn::GetAtt` of nothing to an empty text.
Real AWS: has every property, and refuses references to nothing before it creates anything.
Here: a stack operation fails, naming logical id, type and property, unless `infra/local/accepted.txt` has the property
with a reason why its absence does no harm here. How it is known what is read: each handler is given a dictionary that
records which of its keys were asked for. At the end of the operation every key of every resource that nobody asked for
is reported, all of them at once, and the stack rolls back. The same for objects inside properties and in lists, if
the handler took them apart; an object that it copied, or that the service still holds when the handler is done, went
on whole (all of an `AWS::SSM::Parameter` or an `AWS::Pipes::Pipe` does), and what the service does with it is unknown
to this check, but for what `inert_properties` lists. On an update only what changed is judged.
Unfaithful: a property that is read, or passed on, and then not acted upon passes; the gaps' tests cover those.
"""

import dataclasses
import pathlib
import re
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ministack.services.cloudformation import _stacks, changesets, engine, handlers, provisioners, stacks

from extension.inert_properties import INERT

ACCEPTED_FILE = pathlib.Path(__file__).resolve().parent.parent / "accepted.txt"
KNOWN_ATTRIBUTES = {"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}
PSEUDO = {
    f"AWS::{name}"
    for name in ("AccountId", "NoValue", "NotificationARNs", "Partition", "Region", "StackId", "StackName", "URLSuffix")
}
TRANSFORM = "Fn::Transform"
OWN_CHECK = {("AWS::ApiGateway::RestApi", "Body")}
"""Properties whose handler refuses by itself what it does not know (`apigateway_openapi`)."""

_ignored: dict[str, list[str]] = {}
"""Stack name → what has been left out of it in the running operation."""
_lock = threading.Lock()


def accepted(lines: list[str]) -> set[str]:
    """The entries of the accepted list: `AWS::Type.Property  — reason`; a reason is required."""
    entries = set()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = re.fullmatch(r"(AWS::[\w:]+\.[\w.*]+)\s+(?:—|--)\s+(\S.*)", text)
        if not match:
            raise ValueError(f"accepted.txt, line {number}: not `AWS::Type.Property  — reason`: {text}")
        entries.add(match[1])
    return entries


def is_accepted(resource_type: str, path: str, entries: set[str]) -> bool:
    """Whether the list has this property, an object around it, or the whole type."""
    parts = path.split(".")
    around = {f"{resource_type}.{'.'.join(parts[:end])}" for end in range(1, len(parts) + 1)}
    return bool(entries & (around | {f"{resource_type}.*"}))


class Recording(dict):
    """A dictionary that knows which of its keys were asked for; what is in it records as well."""

    def __init__(self, content: Mapping, opaque: Collection[str] = ()) -> None:
        super().__init__({key: value if key in opaque else _recording(value) for key, value in content.items()})
        self.asked: set[str] = set()
        self.whole = False
        """Somebody went over all of it."""

    def _ask(self, key: Any) -> None:
        self.asked.add(key)

    def __getitem__(self, key: Any) -> Any:
        self._ask(key)
        return super().__getitem__(key)

    def __contains__(self, key: Any) -> bool:
        self._ask(key)
        return super().__contains__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """As of a dictionary."""
        self._ask(key)
        return super().get(key, default)

    def pop(self, key: Any, *default: Any) -> Any:
        """As of a dictionary."""
        self._ask(key)
        return super().pop(key, *default)

    def __iter__(self) -> Iterator:
        self.whole = True
        return super().__iter__()

    def keys(self) -> Any:
        """As of a dictionary."""
        self.whole = True
        return super().keys()

    def values(self) -> Any:
        """As of a dictionary."""
        self.whole = True
        return super().values()

    def items(self) -> Any:
        """As of a dictionary."""
        self.whole = True
        return super().items()

    def copy(self) -> dict:
        """A plain copy, which records nothing."""
        self.whole = True
        return {key: plain(value) for key, value in dict.items(self)}

    def __deepcopy__(self, _memo: dict) -> dict:
        return self.copy()

    def __reduce__(self) -> tuple:
        return dict, (self.copy(),)

    def notes(self, path: str = "") -> Iterator["Note"]:
        """A note for this object and for each one in it."""
        yield Note(path, weakref.ref(self), frozenset(dict.keys(self)), frozenset(self.asked), self.whole)
        for key, value in dict.items(self):
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Recording):
                    yield from item.notes(f"{path}{key}.")


@dataclasses.dataclass(frozen=True)
class Note:
    """What is known of a recorder when the handler is done."""

    path: str
    recorder: weakref.ref
    keys: frozenset[str]
    asked: frozenset[str]
    whole: bool

    def unread(self) -> Iterator[str]:
        """Paths of the keys that nobody asked for, though this object did not go on whole."""
        opened = not self.path or bool(self.keys & self.asked)
        if opened and not self.whole and self.recorder() is None:
            yield from (f"{self.path}{key}" for key in sorted(self.keys - self.asked))


def _recording(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Recording(value)
    return [_recording(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """A value without recorders."""
    if isinstance(value, Recording):
        return value.copy()
    return [plain(item) for item in value] if isinstance(value, list) else value


def unread(notes: list[Note]) -> set[str]:
    """The paths of what has been left out, once the recorder is gone."""
    return {path for note in notes for path in note.unread()}


def inert(resource_type: str, props: Mapping) -> set[str]:
    """The paths of what is kept and has no effect. What is switched off needs none."""
    return {path for path in INERT.get(resource_type, ()) if _has(props, path.split("."))}


def _has(node: Any, path: list[str]) -> bool:
    if isinstance(node, list):
        return any(_has(item, path) for item in node)
    if not path:
        return str(node).lower() != "false"
    return isinstance(node, Mapping) and path[0] in node and _has(node[path[0]], path[1:])


def changed(old: Mapping, new: Mapping) -> set[str]:
    """Top-level properties that differ."""
    return {key for key in {*old, *new} if old.get(key) != new.get(key)}


def references(node: Any, bound: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names that `Ref`, `Fn::GetAtt`, `Fn::Sub` (without those that it binds itself) and `Condition` refer to."""
    if isinstance(node, list):
        for item in node:
            yield from references(item, bound)
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if key == "Ref" and len(node) == 1 and isinstance(value, str):
            yield value
        elif key == "Fn::GetAtt" and len(node) == 1:
            yield value.split(".")[0] if isinstance(value, str) else value[0]
        elif key == "Fn::Sub" and len(node) == 1:
            text, variables = (value[0], value[1]) if isinstance(value, list) else (value, {})
            for name in re.findall(r"\$\{([^!}][^}]*)\}", text):
                if name.strip().split(".")[0] not in variables:
                    yield name.strip().split(".")[0]
            yield from references(list(variables.values()))
        elif key != TRANSFORM:
            yield from references(value, bound)


def check_references(template: Mapping) -> None:
    """Refuse a reference to a name that the template does not have."""
    resources = template.get("Resources") or {}
    known = set(resources) | set(template.get("Parameters") or {}) | PSEUDO
    for logical_id, resource in resources.items():
        if not isinstance(resource, Mapping):
            continue
        depends = resource.get("DependsOn") or []
        names = set(references(resource.get("Properties"))) | set([depends] if isinstance(depends, str) else depends)
        _refuse(names - known, f"the resource {logical_id}")
        condition = resource.get("Condition")
        if isinstance(condition, str) and condition not in (template.get("Conditions") or {}):
            raise ValueError(f"Template format error: Unrecognized condition {condition} of the resource {logical_id}")
    for section in ("Outputs", "Conditions"):
        for name, node in (template.get(section) or {}).items():
            _refuse(set(references(node)) - known, f"{section}.{name}")


def _refuse(unknown: set[str], where: str) -> None:
    if unknown:
        raise ValueError(
            f"Template format error: Unresolved resource dependencies [{', '.join(sorted(unknown))}] in {where}"
        )


def _report(stack_name: str, logical_id: str, resource_type: str, paths: set[str], entries: set[str]) -> None:
    left_out = sorted(path for path in paths if not is_accepted(resource_type, path, entries))
    if left_out:
        with _lock:
            _ignored.setdefault(stack_name, []).extend(f"{logical_id} ({resource_type}): {path}" for path in left_out)


def _watch(resource_type: str, handler: dict, entries: set[str]) -> None:
    """Put recorders into a handler's way."""
    create, update = handler.get("create"), handler.get("update")
    opaque = {name for owner, name in OWN_CHECK if owner == resource_type}

    def watched_create(logical_id: str, props: Mapping, stack_name: str, *rest: Any, **options: Any) -> tuple:
        recorder = Recording(props, opaque)
        result = create(logical_id, recorder, stack_name, *rest, **options)
        notes = list(recorder.notes())
        del recorder  # What is alive after this, the service holds.
        _report(stack_name, logical_id, resource_type, unread(notes) | inert(resource_type, props), entries)
        return result

    def watched_update(physical_id: str, old: Mapping, new: Mapping, stack_name: str, *rest: Any) -> tuple:
        recorder = Recording(new, opaque)
        result = update(physical_id, old, recorder, stack_name, *rest)
        notes = list(recorder.notes())
        del recorder
        differs = changed(old, new)
        paths = {path for path in unread(notes) | inert(resource_type, new) if path.split(".")[0] in differs}
        _report(stack_name, rest[0] if rest else physical_id, resource_type, paths, entries)
        return result

    if create:
        handler["create"] = watched_create
    if update:
        handler["update"] = watched_update


def _family(stack_name: str) -> set[str]:
    """A stack and the stacks nested in it."""
    found, more = {stack_name}, True
    while more:
        children = {name for name, stack in _stacks.items() if stack.get("_parent_stack_name") in found}
        more = not children <= found
        found |= children
    return found


def _forget(stack_name: str) -> list[str]:
    """Take what has been noted of a stack and those nested in it."""
    with _lock:
        return sorted(line for name in _family(stack_name) for line in _ignored.pop(name, []))


def install() -> None:
    """Check references with the template, properties with each resource, and fail at the end of the operation."""
    entries = accepted(ACCEPTED_FILE.read_text().splitlines()) if ACCEPTED_FILE.exists() else set()
    for resource_type, handler in provisioners._RESOURCE_HANDLERS.items():
        _watch(resource_type, handler, entries)

    validate: Callable = engine.validate_template_support
    outputs: Callable = stacks._resolve_stack_outputs
    stock_roll_back: Callable = stacks._roll_back_operation

    def validate_strictly(template: dict, conditions: dict, params: dict | None = None) -> None:
        validate(template, conditions, params)
        if template.get("Transform"):
            return
        check_references(template)
        for logical_id, resource in (template.get("Resources") or {}).items():
            if not conditions.get(resource.get("Condition"), True):
                continue  # this deployment does not have it
            unknown = set(resource) - KNOWN_ATTRIBUTES
            unknown = {name for name in unknown if not is_accepted(resource.get("Type", ""), name, entries)}
            if unknown:
                raise ValueError(
                    f"the local cloud ignores {', '.join(sorted(unknown))} of {logical_id} "
                    f"({resource.get('Type')}); see infra/local/accepted.txt"
                )

    def outputs_if_nothing_was_left_out(
        definitions: Any, conditions: Any, resources: Any, params: Any, mappings: Any, stack_name: str, stack_id: str
    ) -> Any:
        found = _forget(stack_name)
        if found:
            raise ValueError(
                "the local cloud would ignore, and infra/local/accepted.txt does not accept: " + "; ".join(found)
            )
        return outputs(definitions, conditions, resources, params, mappings, stack_name, stack_id)

    async def roll_back(stack_name: str, *rest: Any, **options: Any) -> Any:
        try:
            return await stock_roll_back(stack_name, *rest, **options)
        finally:
            _forget(stack_name)  # What failed, and what the way back has not read.

    engine.validate_template_support = validate_strictly
    stacks._roll_back_operation = handlers._roll_back_operation = roll_back
    stacks._resolve_stack_outputs = outputs_if_nothing_was_left_out
    # Both have imported the function by its name.
    changesets.validate_template_support = validate_strictly
    handlers.validate_template_support = validate_strictly
