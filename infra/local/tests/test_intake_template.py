"""The request template of `POST /subscriptions`, as it stands in openapi.yaml."""

import json
import pathlib
import urllib.parse
import uuid

import pytest
import yaml

from extension.apigateway_vtl import Input, Util
from extension.velocity import render

OPENAPI = pathlib.Path(__file__).resolve().parents[2] / "openapi.yaml"
KEY = str(uuid.uuid4())
BODY = {"tier": "premium", "paymentMethod": "pm_cardVisa4242", "newsletter": True}


def published(headers: dict[str, str]) -> tuple[dict[str, str], dict]:
    """What SNS is sent for a request with these headers, and the template's `$context` afterwards."""
    operation = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))["paths"]["/subscriptions"]["post"]
    template = operation["x-amazon-apigateway-integration"]["requestTemplates"]["application/json"]["Fn::Sub"]
    context = {
        "authorizer": {"claims": {"sub": "somebody"}},
        "requestOverride": {"path": {}},
        "requestTimeEpoch": 1_700_000_000_000,
    }
    request = Input(json.dumps(BODY), {"path": {}, "querystring": {}, "header": headers})
    roots = {"input": request, "util": Util(), "context": context}
    form = render(template.replace("${RequestsTopicArn}", "topic"), roots)
    return dict(urllib.parse.parse_qsl(form, strict_parsing=True)), context


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "Idempotency-key", "IDEMPOTENCY-KEY"])
def test_the_key_is_found_in_any_spelling(name):
    form, context = published({"Accept": "*/*", name: KEY, "X-Other": "1"})
    assert (form["Action"], form["TopicArn"]) == ("Publish", "topic")
    message = json.loads(form["Message"])
    assert message == {"customer": "somebody", "key": KEY, "body": BODY, "acceptedAt": 1_700_000_000_000}
    assert context["requestOverride"]["path"]["key"] == KEY


@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"idempotency-key": ""}, {"Idempotency-Key": "no-uuid"}])
def test_without_a_key_that_is_a_uuid_sns_is_sent_nothing_that_it_could_publish(headers):
    form, context = published(headers)
    assert form == {"Action": "Publish", "Version": "2010-03-31"}
    assert context["requestOverride"]["path"]["key"] == "refused"
