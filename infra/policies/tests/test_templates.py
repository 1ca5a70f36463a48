"""The templates themselves, as CloudFormation gets them."""

import re

import pytest
import yaml

from policies import loading, template_rules


@pytest.mark.parametrize("path", loading.all_templates(), ids=lambda path: path.name)
def test_our_templates_pass(path):
    assert template_rules.check(loading.translate(loading.load(path))) == []


@pytest.mark.parametrize("path", loading.TEMPLATES, ids=lambda path: path.name)
def test_a_nested_stack_gets_every_parameter_that_it_needs_and_no_other(path):
    for resource in loading.load(path)["Resources"].values():
        if resource["Type"] != "AWS::CloudFormation::Stack":
            continue
        parameters = loading.load((path.parent / resource["Properties"]["TemplateURL"]).resolve())["Parameters"]
        given = resource["Properties"]["Parameters"].keys()
        assert given <= parameters.keys()
        assert {name for name, parameter in parameters.items() if "Default" not in parameter} <= given


@pytest.mark.parametrize("path", loading.TEMPLATES, ids=lambda path: path.name)
def test_what_is_read_of_a_nested_stack_is_one_of_its_outputs(path):
    template = loading.load(path)
    outputs = {
        name: loading.load((path.parent / resource["Properties"]["TemplateURL"]).resolve())["Outputs"].keys()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudFormation::Stack"
    }
    read = re.findall(r"!GetAtt (\w+)\.Outputs\.(\w+)", path.read_text(encoding="utf-8"))
    assert read
    assert [(stack, output) for stack, output in read if output not in outputs[stack]] == []


def test_parameters_are_described():
    for path in loading.TEMPLATES:
        for name, parameter in loading.load(path)["Parameters"].items():
            assert parameter.get("Description"), f"{path.name}: {name}"


def test_the_included_api_has_no_yaml_aliases():
    """AWS::Include reads YAML without anchors, aliases and merges, and intrinsics in their long form only."""
    source = (loading.INFRA / "openapi.yaml").read_text(encoding="utf-8")
    tokens = list(yaml.scan(source))
    assert not [token for token in tokens if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken)]


def test_placeholders_of_a_state_machine_are_substituted():
    for path in loading.all_templates():
        for name, resource in loading.load(path)["Resources"].items():
            properties = resource.get("Properties", {})
            if "DefinitionUri" in properties:
                definition = (path.parent / properties["DefinitionUri"]).read_text(encoding="utf-8")
                wanted = set(re.findall(r"\$\{(\w+)\}", definition))
                assert wanted == properties["DefinitionSubstitutions"].keys(), name
