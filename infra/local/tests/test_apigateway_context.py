"""`$context`: one for each request."""

import time

from conftest import REGION
from deployments import api, mock, send

CONTEXT = (
    '{"id":"$context.requestId","at":$context.requestTimeEpoch,"time":"$context.requestTime","api":"$context.apiId",'
    '"stage":"$context.stage","path":"$context.path","resource":"$context.resourcePath","method":"$context.httpMethod",'
    '"agent":"$context.identity.userAgent","account":"$context.accountId"}'
)


def test_a_template_knows_the_request(cloud):
    before = time.time() * 1000
    answered = mock(responses={"default": {"statusCode": 200, "responseTemplates": {"application/json": CONTEXT}}})
    with api(cloud, {"paths": {"/a/{id}": {"get": answered}}}) as (url, outputs):
        replies = [send("GET", f"{url}/a/1", headers={"User-Agent": "test"}) for _ in range(2)]
    first, second = (reply.json for reply in replies)
    assert first["id"] == replies[0].headers["x-amzn-RequestId"] != second["id"]
    assert before - 1000 <= first["at"] <= time.time() * 1000
    assert first["time"].endswith("+0000")
    expected = {"api": outputs["Api"], "stage": "v1", "path": "/v1/a/1", "resource": "/a/{id}", "method": "GET"}
    assert {name: first[name] for name in expected} == expected
    assert (first["agent"], first["account"]) == ("test", "000000000000")


def test_upstream_still_gives_each_part_a_request_id_of_its_own(stock):
    function = stock.function("answer = {'statusCode': 200, 'body': event['requestContext']['requestId']}")
    gateway = stock.client("apigateway")
    api_id = gateway.create_rest_api(name="x")["id"]
    root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    target = {"restApiId": api_id, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**target, authorizationType="NONE")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    gateway.put_integration(**target, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=api_id, stageName="v1")
    reply = send("GET", f"{stock.endpoint}/_aws/execute-api/{api_id}/v1/")
    assert reply.text
    assert reply.headers["x-amzn-RequestId"] != reply.text
