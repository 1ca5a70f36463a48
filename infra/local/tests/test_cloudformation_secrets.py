"""Secrets of a template."""

import json

from conftest import unique
from deployments import delete, deploy


def template(name: str, **properties: object) -> dict:
    """A template with one secret."""
    return {
        "Resources": {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": name, **properties}}},
        "Outputs": {"Ref": {"Value": {"Ref": "Secret"}}},
    }


def value(cloud, secret: str) -> str:
    """The secret's value."""
    return cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]


def test_ref_is_the_arn_through_updates_until_the_end(cloud):
    name = unique("secret")
    outputs = deploy(cloud, template(name, SecretString="one"))
    assert outputs["Ref"].startswith(f"arn:aws:secretsmanager:eu-central-1:000000000000:secret:{name}-")
    updated = deploy(cloud, template(name, SecretString="two"), outputs["StackName"], update=True)
    assert (updated["Ref"], value(cloud, name)) == (outputs["Ref"], "two")
    delete(cloud, outputs["StackName"])
    assert name not in [secret["Name"] for secret in cloud.client("secretsmanager").list_secrets()["SecretList"]]


def test_a_generated_value_is_as_the_template_wishes(cloud):
    wishes = {"PasswordLength": 40, "ExcludePunctuation": True, "ExcludeLowercase": True}
    plain = deploy(cloud, template(unique("secret"), GenerateSecretString=wishes))
    generated = value(cloud, plain["Ref"])
    assert (len(generated), generated.isalnum(), generated.upper()) == (40, True, generated)
    inside = {**wishes, "SecretStringTemplate": '{"user":"a"}', "GenerateStringKey": "key"}
    packed = deploy(cloud, template(unique("secret"), GenerateSecretString=inside))
    assert sorted(json.loads(value(cloud, packed["Ref"]))) == ["key", "user"]
    for outputs in (plain, packed):
        delete(cloud, outputs["StackName"])


def test_upstream_still_refers_to_a_secret_by_its_name(stock):
    name = unique("secret")
    assert deploy(stock, template(name, SecretString="one"))["Ref"] == name
