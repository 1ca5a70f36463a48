"""Templates as plain data: short-form intrinsics spelt out, includes put in place, SAM translated."""

import copy
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

INFRA = Path(__file__).resolve().parent.parent
ROOT = INFRA.parent
EXAMPLES = ROOT / "tests" / "examples"
TEMPLATES = [
    INFRA / "template.yaml",
    *(EXAMPLES / f"{name}.yaml" for name in ("minimal-pipeline", "gated-call", "migrated", "strangled")),
]
STATE_MACHINES = sorted((INFRA / "statemachines").rglob("*.asl.json"))


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags; a template has no dates, so nothing is taken for one."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path: Path) -> dict[str, Any]:
    """The template at `path`, with long-form intrinsics and its `AWS::Include`s in place."""
    with path.open(encoding="utf-8") as file:
        return _included(yaml.load(file, _Loader), path.parent)  # noqa: S506 - a SafeLoader


def _included(node: Any, folder: Path) -> Any:
    if isinstance(node, list):
        return [_included(item, folder) for item in node]
    if not isinstance(node, dict):
        return node
    transform = node.get("Fn::Transform")
    if isinstance(transform, dict) and transform.get("Name") == "AWS::Include":
        return _included_file((folder / transform["Parameters"]["Location"]).resolve())
    return {key: _included(value, folder) for key, value in node.items()}


def _included_file(path: Path) -> Any:
    """A file for `AWS::Include`, which reads plain YAML only."""
    for token in yaml.scan(path.read_text(encoding="utf-8")):
        merge = isinstance(token, yaml.ScalarToken) and token.plain and token.value == "<<"
        if merge or isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
            line = token.start_mark.line + 1
            raise ValueError(f"{path.name}:{line}: AWS::Include takes no `<<`, anchor, alias or tag")
    return load(path)


def nested(path: Path) -> Iterator[Path]:
    """`path` and every template that it nests."""
    yield path
    for resource in load(path)["Resources"].values():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            yield from nested((path.parent / resource["Properties"]["TemplateURL"]).resolve())


def all_templates() -> list[Path]:
    """Every template of the project, each once."""
    return list(dict.fromkeys(path for root in TEMPLATES for path in nested(root)))


def translate(template: dict[str, Any]) -> dict[str, Any]:
    """What CloudFormation makes of a SAM template. One without a transform is its own translation."""
    if "Transform" not in template:
        return template
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        # Files on this machine are uploaded before AWS sees a template; their place does not matter here.
        properties = resource.get("Properties", {})
        for name in {"CodeUri", "DefinitionUri"} & properties.keys():
            properties[name] = {"Bucket": "artifacts", "Key": "artifact"}
        if "TemplateURL" in properties:
            properties["TemplateURL"] = "https://artifacts.s3.amazonaws.com/artifact"
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    return Translator({}, Parser()).translate(template, parameter_values={})
