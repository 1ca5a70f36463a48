"""Nothing of a template is left out in silence."""

import json

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from deployments import delete, deploy, try_deploy

from extension.cloudformation_strict import Recording, accepted, is_accepted, references, unread


def queue(**properties: object) -> dict:
    """A template with one queue."""
    return {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}}


def test_ignored_properties_fail_the_deployment_all_at_once(cloud):
    template = queue(Colour="red")
    template["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic", "Properties": {"Shape": {"Round": True}}}
    stack = try_deploy(cloud, template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Queue (AWS::SQS::Queue): Colour; Topic (AWS::SNS::Topic): Shape" in stack["Reasons"]
    delete(cloud, stack["StackName"])


def test_an_update_is_judged_by_what_it_changes(cloud):
    outputs = deploy(cloud, queue(VisibilityTimeout=31))
    deploy(cloud, queue(VisibilityTimeout=32), outputs["StackName"], update=True)
    stack = try_deploy(cloud, queue(VisibilityTimeout=33, Colour="red"), outputs["StackName"], update=True)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Queue (AWS::SQS::Queue): Colour" in stack["Reasons"]
    delete(cloud, outputs["StackName"])


def test_properties_inside_of_properties_count(cloud):
    code = {"ZipFile": "def handler(event, context): pass", "Wrapping": "gift"}
    stack = try_deploy(
        cloud,
        {
            "Resources": {
                "Function": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "Runtime": "python3.11",
                        "Handler": "index.handler",
                        "Role": "arn:aws:iam::000000000000:role/r",
                        "Code": code,
                    },
                }
            }
        },
    )
    assert "Function (AWS::Lambda::Function): Code.Wrapping" in stack["Reasons"]
    delete(cloud, stack["StackName"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Nobody"}}}}}, "Nobody"),
        (
            {
                "Resources": {
                    "A": {
                        "Type": "AWS::SNS::Topic",
                        "Properties": {"TopicName": {"Fn::Sub": "${Nobody.Arn}-${AWS::Region}"}},
                    }
                }
            },
            "Nobody",
        ),
        ({"Outputs": {"Out": {"Value": {"Fn::GetAtt": ["Nobody", "Arn"]}}}}, "Nobody"),
        ({"Resources": {"A": {"Type": "AWS::SQS::Queue", "DependsOn": ["Nobody"]}}}, "Nobody"),
        ({"Resources": {"A": {"Type": "AWS::SQS::Queue", "Condition": "Nobody"}}}, "Nobody"),
        ({"Resources": {"A": {"Type": "AWS::SQS::Queue", "CreationPolicy": {}}}}, "CreationPolicy of A"),
        ({"Resources": {"A": {"Type": "AWS::SQS::Quue"}}}, "AWS::SQS::Quue"),
    ],
)
def test_what_the_template_does_not_have_is_refused_before_anything_is_created(cloud, change, reason):
    template = {**queue(), **change}
    with pytest.raises(ClientError, match=reason):
        cloud.client("cloudformation").create_stack(StackName=unique("stack"), TemplateBody=json.dumps(template))


def test_what_a_condition_leaves_out_is_not_judged(cloud):
    template = queue()
    template["Conditions"] = {"Never": {"Fn::Equals": ["a", "b"]}}
    other = {"Type": "AWS::SQS::Queue", "Condition": "Never", "CreationPolicy": {}, "Properties": {"Colour": "red"}}
    template["Resources"]["Other"] = other
    delete(cloud, deploy(cloud, template)["StackName"])


def test_a_getatt_of_an_attribute_that_does_not_exist_fails(cloud):
    stack = try_deploy(cloud, {**queue(), "Outputs": {"X": {"Value": {"Fn::GetAtt": ["Queue", "Colour"]}}}})
    assert "Colour" in stack["Reasons"]
    delete(cloud, stack["StackName"])


def test_the_accepted_list_wants_reasons():
    entries = accepted(["# comment", "", "AWS::A::B.C  — no effect here", "AWS::D::E.*  — recorded only"])
    assert is_accepted("AWS::A::B", "C", entries)
    assert is_accepted("AWS::A::B", "C.D", entries)
    assert is_accepted("AWS::D::E", "Anything.At.All", entries)
    assert not is_accepted("AWS::A::B", "D", entries)
    with pytest.raises(ValueError, match="line 1"):
        accepted(["AWS::A::B.C"])


def test_a_recorder_is_a_dictionary_that_remembers():
    recorder = Recording(
        {
            "a": 1,
            "b": {"c": 1, "d": 2},
            "e": [{"f": 1, "g": 2}],
            "h": {"i": 1},
            "j": 1,
            "k": {"l": {"m": 1}, "n": 1},
            "o": {"p": 1, "q": 1},
        }
    )
    assert (recorder["a"], recorder.get("b").get("c"), "h" in recorder) == (1, 1, True)
    assert recorder["e"][0]["f"] == 1
    held = [recorder["k"]["l"]]  # Taken out of its surroundings, and kept.
    assert json.loads(json.dumps(recorder["o"]["p"])) == 1
    assert {**recorder["o"]} == {"p": 1, "q": 1}
    notes = list(recorder.notes())
    del recorder
    assert sorted(unread(notes)) == ["b.d", "e.g", "j", "k.n"]
    assert held[0].get("m") == 1


def test_what_is_held_went_on_whole():
    recorder = Recording({"target": {"arn": 1, "input": 2}})
    held = recorder["target"]
    assert held["arn"] == 1
    notes = list(recorder.notes())
    del recorder
    assert not unread(notes)


def test_references_of_a_template():
    node = {"A": {"Fn::Sub": ["${B.Arn} ${C} ${!D}", {"C": {"Ref": "E"}}]}, "F": [{"Fn::GetAtt": "G.Arn.X"}, "${H}"]}
    assert sorted(references(node)) == ["B", "E", "G"]


def test_upstream_still_ignores_in_silence(stock):
    stack = try_deploy(stock, {**queue(Colour="red"), "Outputs": {"X": {"Value": {"Ref": "Nobody"}}}})
    assert stack["StackStatus"] == "CREATE_COMPLETE"
