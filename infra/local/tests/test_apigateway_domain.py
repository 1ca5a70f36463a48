"""The second port, which is an API's custom domain name."""

import urllib.request

import pytest
from conftest import Cloud, free_port, start_cloud
from deployments import api_template, deploy, mock, send

WHERE = mock(
    responses={
        "default": {
            "statusCode": 200,
            "responseTemplates": {
                "application/json": '{"path":"$input.params(\'proxy\')","host":"$context.domainName"}'
            },
        }
    }
)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory):
    """A server with a second port: the server, and that port's address."""
    port = free_port()
    started = start_cloud(tmp_path_factory.mktemp("front"), "extension", FRONT_PORT=str(port))
    yield started, f"http://127.0.0.1:{port}"
    started.stop()


def test_a_port_without_a_domain_refuses(front: tuple[Cloud, str]) -> None:
    assert send("GET", f"{front[1]}/_ministack/health").status == 403


def test_what_arrives_there_reaches_the_api_without_its_stage(front: tuple[Cloud, str]) -> None:
    cloud, url = front
    template = api_template({"paths": {"/": {"get": WHERE}, "/{proxy+}": {"x-amazon-apigateway-any-method": WHERE}}})
    template["Resources"] |= {
        "Domain": {
            "Type": "AWS::ApiGateway::DomainName",
            "Properties": {
                "DomainName": "www.example.com",
                "RegionalCertificateArn": "arn:aws:acm:eu-central-1:000000000000:certificate/one",
                "EndpointConfiguration": {"Types": ["REGIONAL"]},
                "SecurityPolicy": "TLS_1_2",
            },
        },
        "Mapping": {
            "Type": "AWS::ApiGateway::BasePathMapping",
            "Properties": {"DomainName": {"Ref": "Domain"}, "RestApiId": {"Ref": "Api"}, "Stage": {"Ref": "Stage"}},
        },
    }
    deploy(cloud, template)
    host = url.removeprefix("http://")
    assert send("GET", f"{url}/a/b%20c?x=1").json == {"path": "a/b c", "host": host}
    # The server's own addresses mean nothing there.
    assert send("GET", f"{url}/_ministack/health").json["path"] == "_ministack/health"
    assert send("GET", f"{url}/").json == {"path": "", "host": host}
    # The main port is what it was.
    with urllib.request.urlopen(f"{cloud.endpoint}/_ministack/ready") as ready:
        assert ready.status == 200
