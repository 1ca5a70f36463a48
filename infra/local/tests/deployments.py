"""What the tests of CloudFormation and API Gateway share: deploy a template, delete a stack, send a request."""

import contextlib
import dataclasses
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError
from conftest import Cloud, unique, until

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
GATEWAY_ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    },
}


@dataclasses.dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)


def send(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Send a request; a body that is no text goes as JSON."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    headers = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, method=method, headers=headers, data=text.encode() if text else None)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return Reply(reply.status, reply.headers, reply.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, error.read().decode())


def settled(cloud: Cloud, name: str) -> dict:
    """Wait until no operation is in progress on a stack, and describe it."""

    def poll() -> dict | None:
        stack = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    return until(poll, 60, f"the end of the operation on {name}")


def try_deploy(cloud: Cloud, template: Mapping, name: str | None = None, update: bool = False) -> dict:
    """Create or update a stack, whatever comes of it; the description has the reasons of its failures."""
    client = cloud.client("cloudformation")
    name = name or unique("stack")
    operation = client.update_stack if update else client.create_stack
    operation(StackName=name, TemplateBody=json.dumps(template), Capabilities=CAPABILITIES)
    stack = settled(cloud, name)
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    stack["Reasons"] = " | ".join(
        event.get("ResourceStatusReason", "") for event in events if event["ResourceStatus"].endswith("_FAILED")
    )
    return stack


def deploy(cloud: Cloud, template: Mapping, name: str | None = None, update: bool = False) -> dict[str, str]:
    """Create or update a stack; its outputs and, as `StackName`, its name."""
    stack = try_deploy(cloud, template, name, update)
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), (stack["StackStatus"], stack["Reasons"])
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return {**outputs, "StackName": stack["StackName"]}


def delete(cloud: Cloud, name: str) -> None:
    """Delete a stack and wait until it is gone."""
    client = cloud.client("cloudformation")
    client.delete_stack(StackName=name)

    def gone() -> bool:
        try:
            return client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
        except ClientError:
            return True

    until(gone, 60, f"the end of {name}")


def api_template(document: Mapping, resources: Mapping | None = None, outputs: Mapping | None = None) -> dict:
    """A template with one REST API, deployed to the stage `v1`, and a role for its integrations (`Role`)."""
    return {
        "Resources": {
            "Role": GATEWAY_ROLE,
            "Api": {
                "Type": "AWS::ApiGateway::RestApi",
                "Properties": {
                    "Body": {"openapi": "3.0.1", "info": {"title": unique("api"), "version": "1"}, **document}
                },
            },
            "Deployment": {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": {"Ref": "Api"}}},
            "Stage": {
                "Type": "AWS::ApiGateway::Stage",
                "Properties": {"RestApiId": {"Ref": "Api"}, "DeploymentId": {"Ref": "Deployment"}, "StageName": "v1"},
            },
            **(resources or {}),
        },
        "Outputs": {
            "Api": {"Value": {"Ref": "Api"}},
            **{name: {"Value": value} for name, value in (outputs or {}).items()},
        },
    }


def api_url(cloud: Cloud, api_id: str) -> str:
    """The address of the stage `v1` of an API."""
    return f"{cloud.endpoint}/_aws/execute-api/{api_id}/v1"


@contextlib.contextmanager
def api(cloud: Cloud, document: Mapping, **more: Mapping) -> Iterator[tuple[str, dict[str, str]]]:
    """An API that exists for a while: its address and the stack's outputs."""
    outputs = deploy(cloud, api_template(document, **more))
    yield api_url(cloud, outputs["Api"]), outputs
    delete(cloud, outputs["StackName"])


def mock(template: str = '{"statusCode": 200}', responses: Mapping | None = None, **more: Any) -> dict:
    """An operation that nothing stands behind; `responses` maps patterns to integration responses."""
    responses = responses or {"default": {"statusCode": "200"}}
    declared: dict[str, dict] = {}
    for response in responses.values():
        headers = declared.setdefault(str(response["statusCode"]), {"description": "-", "headers": {}})["headers"]
        for target in response.get("responseParameters", {}):
            headers[target.rpartition(".")[2]] = {"schema": {"type": "string"}}
    return {
        "responses": declared,
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": template},
            "passthroughBehavior": "never",
            "responses": responses,
        },
        **more,
    }
