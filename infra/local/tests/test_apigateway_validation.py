"""Request validators and the gateway responses that carry what they found."""

import pytest
from deployments import api, mock, send

PROBLEM = (
    '{"title":"Bad request","status":400,"detail":"$context.error.validationErrorString",'
    '"type":"$context.error.responseType","instance":"$context.requestId","is":$context.error.messageString}'
)
HEADERS = {
    "gatewayresponse.header.Content-Type": "'application/problem+json'",
    "gatewayresponse.header.x-request-id": "context.requestId",
}
DOCUMENT = {
    "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True, "validateRequestParameters": True}},
    "x-amazon-apigateway-request-validator": "all",
    "x-amazon-apigateway-gateway-responses": {
        kind: {"statusCode": status, "responseParameters": HEADERS, "responseTemplates": {"application/json": PROBLEM}}
        for kind, status in (
            ("BAD_REQUEST_BODY", 400),
            ("BAD_REQUEST_PARAMETERS", 400),
            ("UNSUPPORTED_MEDIA_TYPE", 415),
        )
    },
    "components": {
        "schemas": {
            "Wish": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tier", "method"],
                "properties": {
                    "tier": {"type": "string", "enum": ["premium"]},
                    "method": {"$ref": "#/components/schemas/Method"},
                    "count": {"type": "integer", "minimum": 1, "maximum": 3},
                    "tags": {"type": "array", "items": {"type": "string", "maxLength": 2}},
                },
            },
            "Method": {"type": "string", "pattern": "^pm_(?!.*[0-9]{13})", "minLength": 4, "maxLength": 10},
        }
    },
    "paths": {
        "/": {
            "post": mock(
                **{
                    "parameters": [
                        {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}}
                    ],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}}},
                }
            )
        }
    },
}
GOOD = {"tier": "premium", "method": "pm_abc"}
KEY = {"Idempotency-Key": "k"}


@pytest.fixture(scope="module")
def url(cloud):
    with api(cloud, DOCUMENT) as (address, _):
        yield address


def test_what_is_valid_passes(url):
    assert send("POST", f"{url}/", {**GOOD, "count": 2, "tags": ["a"]}, KEY).status == 200


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, '[object has missing required properties (["method","tier"])]'),
        ({**GOOD, "zip": 1}, '[object instance has properties which are not allowed by the schema: ["zip"]]'),
        ({**GOOD, "tier": "gold"}, '[instance value ("gold") not found in enum (possible values: ["premium"])]'),
        (
            {**GOOD, "tier": 1},
            '[instance type (integer) does not match any allowed primitive type (allowed: ["string"])]',
        ),
        ({**GOOD, "method": "abcd"}, '[ECMA 262 regex "^pm_(?!.*[0-9]{13})" does not match input string "abcd"]'),
        ({**GOOD, "method": "pm_"}, '[string "pm_" is too short (length: 3, required minimum: 4)]'),
        ({**GOOD, "method": "pm_12345678"}, '[string "pm_12345678" is too long (length: 11, maximum allowed: 10)]'),
        ({**GOOD, "count": 0}, "[numeric instance is lower than the required minimum (minimum: 1, found: 0)]"),
        ({**GOOD, "count": 4}, "[numeric instance is greater than the required maximum (maximum: 3, found: 4)]"),
        (
            {**GOOD, "tags": ["abc", 1]},
            '[string "abc" is too long (length: 3, maximum allowed: 2), instance type (integer) '
            'does not match any allowed primitive type (allowed: ["string"])]',
        ),
        ("{", "[the body is not valid JSON]"),
        ("", "[the body is not valid JSON]"),
    ],
)
def test_what_is_not_valid_is_a_problem_with_its_reason(url, body, detail):
    reply = send("POST", f"{url}/", body, KEY)
    assert (reply.status, reply.headers["Content-Type"]) == (400, "application/problem+json")
    assert (reply.json["detail"], reply.json["type"]) == (detail, "BAD_REQUEST_BODY")
    assert reply.json["instance"] == reply.headers["x-request-id"] == reply.headers["x-amzn-RequestId"]


def test_a_missing_header_is_named(url):
    reply = send("POST", f"{url}/", GOOD)
    assert (reply.status, reply.json["type"]) == (400, "BAD_REQUEST_PARAMETERS")
    assert reply.json["is"] == "Missing required request parameters: [Idempotency-Key]"


def test_another_media_type_is_415_and_not_validated(url):
    reply = send("POST", f"{url}/", "x", {**KEY, "content-type": "text/plain"})
    assert (reply.status, reply.json["type"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_upstream_still_keeps_the_reasons_to_itself(stock):
    gateway = stock.client("apigateway")
    api_id = gateway.create_rest_api(name="x")["id"]
    root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    target = {"restApiId": api_id, "resourceId": root, "httpMethod": "POST"}
    validator = gateway.create_request_validator(restApiId=api_id, name="x", validateRequestBody=True)["id"]
    gateway.create_model(restApiId=api_id, name="M", contentType="application/json", schema='{"required":["a"]}')
    gateway.put_method(
        **target, authorizationType="NONE", requestValidatorId=validator, requestModels={"application/json": "M"}
    )
    gateway.put_integration(**target, type="MOCK")
    gateway.put_gateway_response(
        restApiId=api_id,
        responseType="BAD_REQUEST_BODY",
        responseTemplates={"application/json": '{"detail":"$context.error.validationErrorString"}'},
    )
    gateway.create_deployment(restApiId=api_id, stageName="v1")
    reply = send("POST", f"{stock.endpoint}/_aws/execute-api/{api_id}/v1/", {})
    assert reply.json == {"detail": "$context.error.validationErrorString"}
