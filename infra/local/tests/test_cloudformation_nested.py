"""Nested stacks."""

import json

import pytest
from conftest import Cloud, unique
from deployments import delete, deploy, try_deploy

SAM = "AWS::Serverless-2016-10-31"


@pytest.fixture
def nest(cloud):
    """Make a parent template of a child template."""
    return lambda child, **more: parent(cloud, child, **more)


def parent(cloud: Cloud, child: dict, **properties: object) -> dict:
    """A template with `child` as its nested stack `Child`."""
    s3, bucket = cloud.client("s3"), unique("templates")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=bucket, Key="child.json", Body=json.dumps(child).encode())
    url = f"https://s3.eu-central-1.amazonaws.com/{bucket}/child.json"
    return {
        "Resources": {
            "Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, **properties}}
        },
        "Outputs": {name: {"Value": {"Fn::GetAtt": ["Child", f"Outputs.{name}"]}} for name in child.get("Outputs", {})},
    }


def test_a_nested_template_is_transformed(cloud, nest):
    name = unique("table")
    child = {
        "Transform": SAM,
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"Table": {"Type": "AWS::Serverless::SimpleTable", "Properties": {"TableName": {"Ref": "Name"}}}},
        "Outputs": {"Table": {"Value": {"Ref": "Table"}}},
    }
    outputs = deploy(cloud, nest(child, Parameters={"Name": name}))
    assert outputs["Table"] == name
    deploy(
        cloud,
        nest({**child, "Outputs": {"Table": {"Value": "changed"}}}, Parameters={"Name": name}),
        outputs["StackName"],
        update=True,
    )
    delete(cloud, outputs["StackName"])
    assert name not in cloud.client("dynamodb").list_tables()["TableNames"]


def test_an_update_keeps_the_attributes_of_what_it_does_not_change(cloud, nest):
    child = {
        "Parameters": {"Seconds": {"Type": "Number"}},
        "Resources": {
            "Same": {"Type": "AWS::SQS::Queue"},
            "Other": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}}},
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Same", "Arn"]}}},
    }
    before = deploy(cloud, nest(child, Parameters={"Seconds": "30"}))
    after = deploy(cloud, nest(child, Parameters={"Seconds": "31"}), before["StackName"], update=True)
    assert after == before
    delete(cloud, after["StackName"])


def test_a_snippet_is_included(cloud, nest):
    s3, bucket = cloud.client("s3"), unique("snippets")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=bucket, Key="snippet.yaml", Body=b"Name: included\nType: String\nValue: {Ref: Word}\n")
    child = {
        "Parameters": {"Word": {"Type": "String", "Default": "hello"}},
        "Resources": {
            "Parameter": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {
                    "Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": f"s3://{bucket}/snippet.yaml"}}
                },
            }
        },
    }
    outputs = deploy(cloud, nest(child))
    assert cloud.client("ssm").get_parameter(Name="included")["Parameter"]["Value"] == "hello"
    delete(cloud, outputs["StackName"])


def test_a_dynamic_reference_is_resolved(cloud, nest):
    source, target = unique("source"), unique("target")
    cloud.client("ssm").put_parameter(Name=source, Value="secret word", Type="String")
    child = {
        "Resources": {
            "Parameter": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {
                    "Name": target,
                    "Type": "String",
                    "Value": {"Fn::Sub": f"the {{{{resolve:ssm:{source}}}}}"},
                },
            }
        }
    }
    outputs = deploy(cloud, nest(child))
    assert cloud.client("ssm").get_parameter(Name=target)["Parameter"]["Value"] == "the secret word"
    delete(cloud, outputs["StackName"])


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ({"Type": "AWS::Nonsense::Thing"}, "AWS::Nonsense::Thing"),
        ({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Nobody"}}}, "Nobody"),
        ({"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}, "Bad (AWS::SQS::Queue): Colour"),
        ({"Type": "AWS::Events::ApiDestination", "Properties": {"InvocationEndpoint": "nowhere"}}, "nowhere"),
    ],
)
def test_a_nested_template_that_is_not_valid_leaves_nothing_behind(cloud, nest, resource, reason):
    name = unique("queue")
    child = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
            "Bad": {"DependsOn": "Queue", **resource},
        }
    }
    stack = try_deploy(cloud, nest(child))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in stack["Reasons"] or reason == "nowhere"
    assert not cloud.client("sqs").list_queues(QueueNamePrefix=name).get("QueueUrls")
    delete(cloud, stack["StackName"])


def test_a_resource_whose_condition_is_false_is_not_judged(cloud, nest):
    child = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Budget": {"Type": "AWS::Nonsense::Thing", "Condition": "Never"},
        },
    }
    delete(cloud, deploy(cloud, nest(child))["StackName"])


def test_upstream_still_does_not_transform_nested_templates(stock):
    child = {"Transform": SAM, "Resources": {"Table": {"Type": "AWS::Serverless::SimpleTable"}}}
    stack = try_deploy(stock, parent(stock, child))
    assert "Unsupported resource type: AWS::Serverless::SimpleTable" in stack["Reasons"]
