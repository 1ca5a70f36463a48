"""Import of an OpenAPI document."""

import pytest
from deployments import api, api_template, api_url, delete, deploy, mock, send, try_deploy

ROUTES = {
    "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True, "validateRequestParameters": True}},
    "components": {
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"$ref": "#/components/schemas/Name"}},
            },
            "Name": {"type": "string", "maxLength": 3},
        }
    },
    "x-amazon-apigateway-gateway-responses": {
        "BAD_REQUEST_BODY": {
            "statusCode": 422,
            "responseParameters": {"gatewayresponse.header.x-kind": "'ours'"},
            "responseTemplates": {"application/json": '{"title":$context.error.messageString}'},
        }
    },
    "paths": {
        "/pets": {
            "post": mock(
                **{
                    "x-amazon-apigateway-request-validator": "all",
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                }
            )
        },
        "/any/{proxy+}": {
            "x-amazon-apigateway-any-method": mock(
                responses={
                    "default": {
                        "statusCode": 200,
                        "responseTemplates": {"application/json": '{"any":"$input.params(\'proxy\')"}'},
                    }
                }
            )
        },
    },
}


def mapped(target: str, source: str, headers: dict | None = None) -> dict:
    """An operation that maps `source` to a header of its answer, which declares `headers`."""
    operation = mock(responses={"default": {"statusCode": 200, "responseParameters": {target: source}}})
    if headers is not None:
        operation["responses"]["200"]["headers"] = headers
    return operation


def test_a_document_is_imported_whole(cloud):
    with api(cloud, ROUTES) as (url, _):
        assert send("POST", f"{url}/pets", {"name": "Bo"}).status == 200
        refused = send("POST", f"{url}/pets", {"name": "Bonifatius"})
        assert (refused.status, refused.headers["x-kind"]) == (422, "ours")
        assert refused.json == {"title": "Invalid request body"}
        assert send("PATCH", f"{url}/any/a/b").json == {"any": "a/b"}


def test_a_changed_document_keeps_the_id_of_the_api(cloud):
    document = {"paths": {"/one": {"get": mock()}}}
    before = deploy(cloud, api_template(document))
    after = deploy(cloud, api_template({"paths": {"/two": {"get": mock()}}}), before["StackName"], update=True)
    assert after["Api"] == before["Api"]
    url = api_url(cloud, after["Api"])
    assert [send("GET", f"{url}/{name}").status for name in ("one", "two")] == [403, 200]
    delete(cloud, after["StackName"])
    assert after["Api"] not in [item["id"] for item in cloud.client("apigateway").get_rest_apis()["items"]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x-amazon-apigateway-importexport-version": "1.0"}, "x-amazon-apigateway-importexport-version"),
        ({"swagger": "2.0", "openapi": "2.0"}, "only OpenAPI 3"),
        ({"paths": {"/a": {"get": {}}}}, "no integration"),
        ({"paths": {"/a": {"get": mock(**{"x-amazon-apigateway-request-validator": "none"})}}}, "none"),
        ({"paths": {"/a": {"get": {**mock(), "responses": {"204": {"description": "-"}}}}}}, "status '200'"),
        ({"paths": {"/a": {"get": {**mock(), "security": [{"nobody": []}]}}}}, "nobody"),
        ({"paths": {"/a": {"get": mock("#if(true)")}}}, "#end is missing"),
        ({"paths": {"/a": {"get": mapped("method.response.header.x", "unquoted")}}}, "unquoted"),
        ({"paths": {"/a": {"get": mapped("method.response.header.x", "context.x", {})}}}, "declares no such header"),
    ],
)
def test_a_document_that_does_not_fit_together_is_refused(cloud, change, reason):
    stack = try_deploy(cloud, api_template({"paths": {}, **change}))
    delete(cloud, stack["StackName"])
    assert reason in stack["Reasons"]


def test_upstream_still_drops_most_of_a_document(stock):
    with api(stock, ROUTES) as (url, _):
        assert send("POST", f"{url}/pets", {"name": "Bonifatius"}).status == 200
        assert send("PATCH", f"{url}/any/a/b").status == 403
