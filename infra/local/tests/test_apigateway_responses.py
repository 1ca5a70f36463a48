"""What API Gateway answers by itself."""

from deployments import api, mock, send

from extension.apigateway_responses import fill

TEMPLATE = (
    '{"type":"$context.error.responseType","is":$context.error.messageString,'
    '"stage":"${context.stage}","no":"$context.x.y"}'
)
RESPONSES = {
    "DEFAULT_4XX": {
        "responseParameters": {
            "gatewayresponse.header.Content-Type": "'application/problem+json'",
            "gatewayresponse.header.x-request-id": "context.requestId",
            "gatewayresponse.header.x-method": "context.httpMethod",
            "gatewayresponse.header.x-mine": "method.request.header.X-Mine",
        },
        "responseTemplates": {"application/json": TEMPLATE},
    }
}


def test_an_uncustomized_type_inherits_and_keeps_its_status(cloud):
    with api(cloud, {"x-amazon-apigateway-gateway-responses": RESPONSES, "paths": {"/": {"get": mock()}}}) as (url, _):
        reply = send("PUT", f"{url}/nowhere", headers={"X-Mine": "m"})
    assert reply.status == 403
    assert [reply.headers[name] for name in ("Content-Type", "x-method", "x-mine")] == [
        "application/problem+json",
        "PUT",
        "m",
    ]
    assert reply.headers["x-request-id"] == reply.headers["x-amzn-RequestId"]
    assert reply.json == {
        "type": "MISSING_AUTHENTICATION_TOKEN",
        "is": "Missing Authentication Token",
        "stage": "v1",
        "no": "",
    }


def test_variables_are_substituted_and_nothing_else():
    assert fill("#if(true)$context.a#end ${context.b.c}! $x", {"context.a": "1", "context.b.c": "2"}) == (
        "#if(true)1#end 2! $x"
    )


def test_upstream_still_maps_no_header_from_the_context(stock):
    gateway = stock.client("apigateway")
    api_id = gateway.create_rest_api(name="x")["id"]
    gateway.put_gateway_response(
        restApiId=api_id,
        responseType="DEFAULT_4XX",
        responseParameters={"gatewayresponse.header.x-method": "context.httpMethod"},
    )
    gateway.create_deployment(restApiId=api_id, stageName="v1")
    reply = send("GET", f"{stock.endpoint}/_aws/execute-api/{api_id}/v1/")
    assert (reply.status, reply.headers["x-method"]) == (403, None)
