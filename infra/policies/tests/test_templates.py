"""The templates themselves, as CloudFormation gets them."""

import json
import re

import pytest

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
    assert bool(read) == bool(outputs)
    assert [(stack, output) for stack, output in read if output not in outputs[stack]] == []


WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"}
CONSTRAINTS = ("Type", "NoEcho", "AllowedPattern", "AllowedValues", "MinValue", "MaxValue")


def test_a_nested_stack_takes_the_same_values_as_the_platform():
    """Each stack can be deployed by itself, and is as strict then."""
    path = loading.TEMPLATES[0]
    template = loading.load(path)
    for stack, resource in template["Resources"].items():
        inner = loading.load((path.parent / resource["Properties"]["TemplateURL"]).resolve())["Parameters"]
        for name, value in resource["Properties"]["Parameters"].items():
            outer = template["Parameters"].get(value.get("Ref")) if isinstance(value, dict) else None
            for constraint in CONSTRAINTS if outer else ():
                wanted = inner[name].get(constraint)
                accepted = [wanted]
                if constraint == "AllowedPattern" and wanted and "Condition" in resource:
                    # A stack that is there on condition has no use for the empty value that means its absence.
                    accepted.append(f"^({wanted[1:-1]})?$")
                assert outer.get(constraint) in accepted, f"{stack} {name} {constraint}"


@pytest.mark.parametrize(
    "text",
    [
        "a: {<<: {b: 1}}",
        "a:\n  <<:\n    b: 1",
        "a: &a {b: 1}",
        "a: *a",
        "a: !Ref B",
    ],
)
def test_an_included_file_is_plain_yaml(tmp_path, text):
    """AWS::Include reads YAML without merges, anchors and aliases, and intrinsics in their long form only."""
    include = "Body: {'Fn::Transform': {Name: AWS::Include, Parameters: {Location: api.yaml}}}"
    (tmp_path / "template.yaml").write_text(include, encoding="utf-8")
    (tmp_path / "api.yaml").write_text("a: {'<<': {b: 1}}", encoding="utf-8")
    assert loading.load(tmp_path / "template.yaml") == {"Body": {"a": {"<<": {"b": 1}}}}
    (tmp_path / "api.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="api.yaml:"):
        loading.load(tmp_path / "template.yaml")


LONGEST = {"AWS::Lambda::Function": 64, "AWS::Events::Rule": 64, "AWS::Scheduler::Schedule": 64, "AWS::SQS::Queue": 80}


@pytest.mark.parametrize("path", loading.all_templates(), ids=lambda path: path.name)
def test_the_longest_prefix_and_stage_still_make_a_name(path):
    template = loading.translate(loading.load(path))
    for name, resource in template["Resources"].items():
        given = resource.get("Properties", {}).get(template_rules.NAMES.get(resource["Type"], ""), {})
        if resource["Type"] not in LONGEST or not isinstance(given, dict) or "Fn::Sub" not in given:
            continue
        for parameter, definition in template["Parameters"].items():
            if f"${{{parameter}}}" in given["Fn::Sub"]:
                longest = 1 + int(re.search(r",(\d+)\}\$$", definition["AllowedPattern"]).group(1))
                given = {"Fn::Sub": given["Fn::Sub"].replace(f"${{{parameter}}}", "x" * longest)}
        assert len(given["Fn::Sub"]) <= LONGEST[resource["Type"]], name


def test_placeholders_of_a_state_machine_are_substituted():
    for path in loading.all_templates():
        for name, resource in loading.load(path)["Resources"].items():
            properties = resource.get("Properties", {})
            if "DefinitionUri" in properties:
                definition = (path.parent / properties["DefinitionUri"]).read_text(encoding="utf-8")
                wanted = set(re.findall(r"\$\{(\w+)\}", definition))
                assert wanted == properties["DefinitionSubstitutions"].keys(), name


def test_a_lease_outlives_whoever_may_hold_it():
    breaker = loading.load(loading.INFRA / "stacks" / "pipeline-breaker.yaml")
    opening = json.loads((loading.INFRA / "statemachines" / "open-circuit.asl.json").read_text(encoding="utf-8"))
    probe = breaker["Resources"]["HalfOpenProbe"]["Properties"]
    assert breaker["Parameters"]["LeaseSeconds"]["MinValue"] > max(opening["TimeoutSeconds"], probe["Timeout"])


def test_payments_have_time_for_every_call_to_the_provider():
    payments = loading.load(loading.INFRA / "stacks" / "payments.yaml")
    longest_call = payments["Parameters"]["PaymentTimeoutMs"]["MaxValue"] / 1000
    assert payments["Resources"]["PaymentsTask"]["Properties"]["Timeout"] > 4 * longest_call


def test_each_gate_of_the_platform_has_its_alarms():
    stacks = [resource["Properties"] for resource in loading.load(loading.TEMPLATES[0])["Resources"].values()]
    texts = {stack["Parameters"]["Gates"]["Fn::Sub"] for stack in stacks if "Gates" in stack["Parameters"]}
    (gates,) = (json.loads(re.sub(r"\$\{\w+\}", "{}", text)).keys() for text in texts)
    alarms = [stack for stack in stacks if stack["TemplateURL"] == "stacks/gate-alarms.yaml"]
    assert sorted(stack["Parameters"]["Dependency"] for stack in alarms) == sorted(gates)


def test_only_operators_may_write_what_people_did_to_a_gate():
    writers = {}
    for stack in ("gates", "payments", "api"):
        template = loading.load(loading.INFRA / "stacks" / f"{stack}.yaml")
        for role, properties in template_rules.resources(template, "AWS::IAM::Role"):
            statements = [s for policy in properties.get("Policies", []) for s in policy["PolicyDocument"]["Statement"]]
            about = [s for s in statements if "Gates" in json.dumps(s["Resource"])]
            writing = [s for s in about if {"dynamodb:PutItem", "dynamodb:UpdateItem"} <= set(s["Action"])]
            denied = [s["Condition"] for s in writing if s["Effect"] == "Deny"]
            if writing:
                writers[role] = denied
    audit = [{"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["GATE#*#audit"]}}]
    assert writers == {"ReserveCallRole": audit, "ReportCallRole": audit, "PaymentsTaskRole": audit, "OpsApiRole": []}


def test_only_operators_and_the_alarm_may_steer_a_route():
    writers = {}
    for stack in ("routes", "api"):
        template = loading.load(loading.INFRA / "stacks" / f"{stack}.yaml")
        for kind in ("AWS::IAM::Role", "AWS::IAM::Policy"):
            for name, properties in template_rules.resources(template, kind):
                policies = properties.get("Policies", [properties])
                for statement in (one for policy in policies for one in policy["PolicyDocument"]["Statement"]):
                    actions = set(template_rules.as_list(statement["Action"]))
                    if "RoutesTable" in json.dumps(statement["Resource"]) and actions & WRITES:
                        (keys,) = statement["Condition"]["ForAllValues:StringLike"].values()
                        writers[name] = keys
    assert writers == {
        "ShadowCompareRole": ["MISMATCH#*"],
        "RollBackRouteRole": ["ROUTE#*"],
        "OpsRoutesPolicy": ["ROUTE#*"],
    }


def test_a_stage_begins_with_the_splitter_for_every_steered_route():
    template = loading.load(loading.INFRA / "stacks" / "routes.yaml")
    api = template["Resources"]["FrontApi"]["Properties"]
    named = re.findall(r"stageVariables\.(\w+)", json.dumps(api["DefinitionBody"]))
    assert api["Variables"] == {variable: {"Ref": "RouteSplitter"} for variable in named}


def test_every_consumer_hears_the_events_that_the_code_says():
    """`infra/events` is made from the code; who hears what there is what the event queues' rules let through."""
    hears: dict[str, set[str]] = {}
    for path in (loading.INFRA / "events").glob("*.json"):
        for consumer in json.loads(path.read_text())["x-heard-by"]:
            hears.setdefault(consumer, set()).add(path.stem)
    stacks = loading.load(loading.INFRA / "template.yaml")["Resources"].values()
    queues = [s["Properties"] for s in stacks if s["Properties"].get("TemplateURL") == "stacks/event-queue.yaml"]
    told = {queue["Parameters"]["Consumer"]: set(queue["Parameters"]["EventNames"].split(",")) for queue in queues}
    assert told == hears
