"""Who may call a method, and what the function behind it learns of the caller."""

import base64
import json
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import ACCOUNT, REGION, until
from deployments import api, mock, send

SCOPE = "aws.cognito.signin.user.admin"
WHO = '{"sub":"$context.authorizer.claims.sub","arn":"$context.identity.userArn"}'


def answered(template: str) -> dict:
    """Integration responses that answer 200 with a template."""
    return {"default": {"statusCode": 200, "responseTemplates": {"application/json": template}}}


@pytest.fixture(scope="module")
def pools(cloud):
    """Tokens of a customer in two pools: `[(pool ARN, tokens), …]`."""
    cognito = cloud.client("cognito-idp")
    found = []
    for name in ("ours", "foreign"):
        pool = cognito.create_user_pool(PoolName=name)["UserPool"]
        client = cognito.create_user_pool_client(
            UserPoolId=pool["Id"],
            ClientName="site",
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        )["UserPoolClient"]["ClientId"]
        cognito.sign_up(ClientId=client, Username="ann", Password="Passw0rd!long")
        cognito.admin_confirm_sign_up(UserPoolId=pool["Id"], Username="ann")
        for group in ("editors", "writers"):
            cognito.create_group(UserPoolId=pool["Id"], GroupName=group)
            cognito.admin_add_user_to_group(UserPoolId=pool["Id"], Username="ann", GroupName=group)
        tokens = cognito.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ann", "PASSWORD": "Passw0rd!long"},
        )["AuthenticationResult"]
        found.append((pool["Arn"], tokens))
    return found


@pytest.fixture(scope="module")
def url(cloud, pools):
    function = cloud.function("answer = {'statusCode': 200, 'body': json.dumps(event)}")
    proxy = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations",
    }
    document = {
        "components": {
            "securitySchemes": {
                "customer": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "cognito_user_pools",
                    "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [pools[0][0]]},
                },
                "operator": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
            }
        },
        "x-amazon-apigateway-gateway-responses": {
            "UNAUTHORIZED": {
                "statusCode": 401,
                "responseTemplates": {"application/json": '{"title":"$context.error.message"}'},
            }
        },
        "paths": {
            "/mine": {"get": mock(responses=answered(WHO), security=[{"customer": [SCOPE]}])},
            "/ops": {"get": mock(responses=answered(WHO), security=[{"operator": []}])},
            "/function/{id}": {
                "get": {"security": [{"customer": [SCOPE]}], "x-amazon-apigateway-integration": proxy},
                "post": {"security": [{"operator": []}], "x-amazon-apigateway-integration": proxy},
            },
        },
    }
    with api(cloud, document) as (address, _):
        yield address


def token(pools, kind="AccessToken", pool=0):
    return {"Authorization": "Bearer " + pools[pool][1][kind]}


def signed(method: str, url: str, service: str = "execute-api", key: str = ACCOUNT, body: str = "") -> dict[str, str]:
    """The headers of a request signed with Signature Version 4."""
    request = AWSRequest(method, url, data=body, headers={"content-type": "application/json"})
    SigV4Auth(Credentials(key, "local"), service, REGION).add_auth(request)
    return dict(request.headers)


def test_an_access_token_with_the_scope_passes_and_names_the_customer(url, pools):
    reply = send("GET", f"{url}/mine", headers=token(pools))
    payload = pools[0][1]["AccessToken"].split(".")[1]
    assert reply.json["sub"] == json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"]


def test_a_function_is_told_the_groups_as_one_text_with_commas(url, pools):
    claims = send("GET", f"{url}/function/7", headers=token(pools)).json["requestContext"]["authorizer"]["claims"]
    assert sorted(claims["cognito:groups"].split(",")) == ["editors", "writers"]


def changed_claims(good: str) -> str:
    """A token with another subject and the old signature."""
    head, _, signature = good.split(".")
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "somebody", "scope": SCOPE}).encode()).decode().rstrip("=")
    return f"{head}.{claims}.{signature}"


def test_other_tokens_are_refused(url, pools):
    good = pools[0][1]["AccessToken"]
    refused = [
        {},
        token(pools, "IdToken"),
        token(pools, pool=1),
        {"Authorization": "Bearer nonsense"},
        {"Authorization": good[:-8] + "AAAAAAAA"},
        {"Authorization": changed_claims(good)},
    ]
    replies = [send("GET", f"{url}/mine", headers=headers) for headers in refused]
    assert [(reply.status, reply.json) for reply in replies] == [(401, {"title": "Unauthorized"})] * len(refused)


def test_an_expired_token_is_refused(cloud, url, pools):
    cognito = cloud.client("cognito-idp")
    pool = pools[0][0].rpartition("/")[2]
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="short",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        AccessTokenValidity=1,
        TokenValidityUnits={"AccessToken": "seconds"},
    )["UserPoolClient"]["ClientId"]
    tokens = cognito.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ann", "PASSWORD": "Passw0rd!long"}
    )["AuthenticationResult"]
    headers = {"Authorization": "Bearer " + tokens["AccessToken"]}
    until(lambda: send("GET", f"{url}/mine", headers=headers).status == 401, 10, "the end of the token")


def test_a_function_sees_the_event_of_a_rest_api(url, pools):
    event = send("GET", f"{url}/function/42?x=1&x=2", headers=token(pools)).json
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/function/{id}", "/function/42", "GET")
    assert event["pathParameters"] == {"id": "42"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert "version" not in event
    context = event["requestContext"]
    assert (context["stage"], context["resourcePath"], context["path"]) == ("v1", "/function/{id}", "/v1/function/42")
    assert context["authorizer"]["claims"]["token_use"] == "access"


def test_the_request_id_is_the_same_everywhere(url, pools):
    reply = send("GET", f"{url}/function/1", headers=token(pools))
    assert reply.json["requestContext"]["requestId"] == reply.headers["x-amzn-RequestId"]


def test_operators_sign_their_requests(url):
    assert send("GET", f"{url}/ops", headers=signed("GET", f"{url}/ops")).json["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    headers = signed("POST", f"{url}/function/1", body="{}")
    identity = send("POST", f"{url}/function/1", "{}", headers).json["requestContext"]["identity"]
    assert (identity["userArn"], identity["sourceIp"]) == (f"arn:aws:iam::{ACCOUNT}:root", "127.0.0.1")


def test_requests_that_are_not_signed_for_the_api_are_refused(url, pools):
    missing = send("GET", f"{url}/ops")
    assert (missing.status, missing.json) == (403, {"message": "Missing Authentication Token"})
    others = [
        token(pools),
        signed("GET", f"{url}/ops", service="sqs"),
        {**signed("GET", f"{url}/ops"), "X-Amz-Date": "20200101T000000Z"},
    ]
    assert [send("GET", f"{url}/ops", headers=headers).status for headers in others] == [403, 403, 403]


def test_a_user_of_the_account_is_named(cloud, url):
    iam = cloud.client("iam")
    user = iam.create_user(UserName="olga")["User"]["Arn"]
    key = iam.create_access_key(UserName="olga")["AccessKey"]["AccessKeyId"]
    assert send("GET", f"{url}/ops", headers=signed("GET", f"{url}/ops", key=key)).json["arn"] == user


def test_upstream_still_takes_any_authorization_for_a_signature(stock):
    gateway = stock.client("apigateway")
    api_id = gateway.create_rest_api(name="x")["id"]
    root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    target = {"restApiId": api_id, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**target, authorizationType="AWS_IAM")
    gateway.put_integration(**target, type="MOCK")
    gateway.create_deployment(restApiId=api_id, stageName="v1")
    request = urllib.request.Request(
        f"{stock.endpoint}/_aws/execute-api/{api_id}/v1/", headers={"Authorization": "Bearer of-something-else"}
    )
    with urllib.request.urlopen(request) as reply:
        assert reply.status == 200
