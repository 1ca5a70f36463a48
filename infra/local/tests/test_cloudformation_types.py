"""Resource types that MiniStack's CloudFormation does not know."""

import json

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from deployments import delete, deploy, try_deploy


def template(name: str, rate: int) -> dict:
    """A connection, an API destination, an archive and a statement of a bus policy."""
    return {
        "Resources": {
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
            "Connection": {
                "Type": "AWS::Events::Connection",
                "Properties": {
                    "AuthorizationType": "API_KEY",
                    "Description": f"rate {rate}",
                    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "k"}},
                },
            },
            "Destination": {
                "Type": "AWS::Events::ApiDestination",
                "Properties": {
                    "Name": f"{name}-destination",
                    "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
                    "InvocationEndpoint": "https://example.org/",
                    "HttpMethod": "PUT",
                    "Description": f"rate {rate}",
                },
            },
            "Archive": {
                "Type": "AWS::Events::Archive",
                "Properties": {
                    "ArchiveName": f"{name}-archive",
                    "SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]},
                    "RetentionDays": rate,
                    "EventPattern": {"source": ["a"]},
                },
            },
            "Policy": {
                "Type": "AWS::Events::EventBusPolicy",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "StatementId": "Others",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"AWS": "123456789012"},
                        "Action": "events:PutEvents",
                        "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
                    },
                },
            },
        },
        "Outputs": {
            "Connection": {"Value": {"Ref": "Connection"}},
            "Secret": {"Value": {"Fn::GetAtt": ["Connection", "SecretArn"]}},
            "Destination": {"Value": {"Fn::GetAtt": ["Destination", "Arn"]}},
        },
    }


def test_they_are_created_updated_in_place_and_deleted(cloud):
    events, name = cloud.client("events"), unique("bus")
    outputs = deploy(cloud, template(name, 3))
    assert outputs["Connection"].startswith(f"{outputs['StackName']}-Connection-")
    assert ":secret:events!connection/" in outputs["Secret"]
    assert events.describe_archive(ArchiveName=f"{name}-archive")["EventPattern"] == '{"source": ["a"]}'
    assert "123456789012" in events.describe_event_bus(Name=name)["Policy"]

    updated = deploy(cloud, template(name, 5), outputs["StackName"], update=True)
    assert updated == outputs
    assert events.describe_connection(Name=outputs["Connection"])["Description"] == "rate 5"
    destination = events.describe_api_destination(Name=f"{name}-destination")
    assert (destination["Description"], destination["ApiDestinationArn"]) == (
        "rate 5",
        outputs["Destination"],
    )

    delete(cloud, outputs["StackName"])
    assert not events.list_connections(NamePrefix=outputs["Connection"])["Connections"]
    assert not events.list_api_destinations(NamePrefix=name)["ApiDestinations"]
    assert not events.list_archives(NamePrefix=name)["Archives"]


def test_a_new_name_replaces(cloud):
    events, name = cloud.client("events"), unique("bus")
    outputs = deploy(cloud, template(name, 3))
    renamed = template(name, 3)
    renamed["Resources"]["Destination"]["Properties"]["Name"] = f"{name}-other"
    deploy(cloud, renamed, outputs["StackName"], update=True)
    found = events.list_api_destinations(NamePrefix=name)["ApiDestinations"]
    assert [item["Name"] for item in found] == [f"{name}-other"]
    delete(cloud, outputs["StackName"])


def test_what_the_service_refuses_fails_the_stack(cloud):
    broken = template(unique("bus"), 3)
    broken["Resources"]["Destination"]["Properties"]["HttpMethod"] = "FETCH"
    stack = try_deploy(cloud, broken)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "FETCH" in stack["Reasons"]
    delete(cloud, stack["StackName"])


def test_upstream_still_does_not_know_them(stock):
    types = "AWS::Events::ApiDestination, AWS::Events::Archive, AWS::Events::Connection"
    with pytest.raises(ClientError, match=types):
        stock.client("cloudformation").create_stack(
            StackName=unique("stack"), TemplateBody=json.dumps(template("x", 1))
        )
