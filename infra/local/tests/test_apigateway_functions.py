"""Functions behind AWS_PROXY, named by stage variables."""

import base64
import json
import time
import urllib.request

from conftest import ACCOUNT, REGION, until
from deployments import api, api_template, api_url, delete, deploy, send

ECHO = """answer = {
    "statusCode": 200,
    "headers": {"x-served-by": "NAME"},
    "body": json.dumps({name: event.get(name) for name in ("path", "pathParameters", "isBase64Encoded", "body")}),
}"""
BINARY = """import base64
answer = {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(bytes([0, 255])).decode()}"""
BROKEN = """raise RuntimeError("broken")"""
URI = (
    "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${!stageVariables.target}/invocations"
)


def named() -> dict:
    """An operation whose function the stage names."""
    return {
        "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": {"Fn::Sub": URI}},
    }


def template(variables: dict, **document: object) -> dict:
    """An API with one steered route, and its stage's variables."""
    made = api_template({"paths": {"/a/{id}": {"x-amazon-apigateway-any-method": named()}}, **document})
    made["Resources"]["Stage"]["Properties"]["Variables"] = variables
    return made


def name_of(arn: str) -> str:
    """A function's name."""
    return arn.rpartition(":")[2]


def test_the_stage_names_the_function_and_an_update_names_another(cloud):
    old, new = (name_of(cloud.function(ECHO.replace("NAME", side))) for side in ("old", "new"))
    outputs = deploy(cloud, template({"target": old}))
    url = api_url(cloud, outputs["Api"])
    assert send("GET", f"{url}/a/1").headers["x-served-by"] == "old"
    cloud.client("apigateway").update_stage(
        restApiId=outputs["Api"],
        stageName="v1",
        patchOperations=[{"op": "replace", "path": "/variables/target", "value": new}],
    )
    assert send("GET", f"{url}/a/1").headers["x-served-by"] == "new"
    delete(cloud, outputs["StackName"])


def test_a_variable_that_is_not_there_is_a_configuration_error(cloud):
    outputs = deploy(cloud, template({"other": "x"}))
    reply = send("GET", f"{api_url(cloud, outputs['Api'])}/a/1")
    assert (reply.status, reply.json) == (500, {"message": "Internal server error"})
    delete(cloud, outputs["StackName"])


def test_path_and_parameters_are_as_the_client_wrote_them(cloud):
    outputs = deploy(cloud, template({"target": name_of(cloud.function(ECHO))}))
    event = send("GET", f"{api_url(cloud, outputs['Api'])}/a/b%2Fc%20d%C3%BC?x=1").json
    assert (event["path"], event["pathParameters"]) == ("/a/b%2Fc%20d%C3%BC", {"id": "b%2Fc%20d%C3%BC"})
    delete(cloud, outputs["StackName"])


def test_every_body_is_binary_where_every_type_is(cloud):
    everything = {"x-amazon-apigateway-binary-media-types": ["*/*"]}
    outputs = deploy(cloud, template({"target": name_of(cloud.function(ECHO))}, **everything))
    event = send("POST", f"{api_url(cloud, outputs['Api'])}/a/1", {"z": 1}).json
    assert (event["isBase64Encoded"], json.loads(base64.b64decode(event["body"]))) == (True, {"z": 1})
    delete(cloud, outputs["StackName"])
    outputs = deploy(cloud, template({"target": name_of(cloud.function(BINARY))}, **everything))
    with urllib.request.urlopen(f"{api_url(cloud, outputs['Api'])}/a/1") as reply:
        assert reply.read() == bytes([0, 255])
    delete(cloud, outputs["StackName"])


def test_a_function_that_fails_is_counted(cloud):
    name = name_of(cloud.function(BROKEN))
    outputs = deploy(cloud, template({"target": name}))
    began = time.time()
    assert send("GET", f"{api_url(cloud, outputs['Api'])}/a/1").status == 502

    def errors() -> float:
        found = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=began - 60,
            EndTime=time.time() + 60,
            Period=60,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in found["Datapoints"])

    assert until(errors, what="a metric") == 1
    delete(cloud, outputs["StackName"])


def test_upstream_still_takes_a_variable_for_a_functions_name(stock):
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:${{stageVariables.target}}"
    operation = {
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
        }
    }
    function = name_of(stock.function(ECHO))
    made = api_template({"paths": {"/a": {"get": operation}}})
    made["Resources"]["Stage"]["Properties"]["Variables"] = {"target": function}
    outputs = deploy(stock, made)
    assert send("GET", f"{api_url(stock, outputs['Api'])}/a").status == 500
    delete(stock, outputs["StackName"])


def test_a_literal_function_is_called_as_before(cloud):
    arn = cloud.function(ECHO.replace("NAME", "literal"))
    operation = {
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
        }
    }
    with api(cloud, {"paths": {"/a": {"get": operation}}}) as (url, _):
        assert send("GET", f"{url}/a").headers["x-served-by"] == "literal"
