"""Secrets of a template: `Ref` is the ARN, and a generated value has the characters that were asked for.

Gap: MiniStack's `Ref` of an `AWS::SecretsManager::Secret` is its name, and of `GenerateSecretString` only the length
and `ExcludeCharacters` count.
Real AWS: `Ref` is the ARN, the way policies need it; the value is what `GetRandomPassword` answers to the same wishes.
Here: that.
Unfaithful: nothing is encrypted, `KmsKeyId` is only kept.
"""

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

DEFAULT_KEY = "password"


def secret_string(props: Mapping) -> str:
    """The value that a template gives, or one that is generated as it wishes."""
    wishes = props.get("GenerateSecretString")
    if props.get("SecretString") or not wishes:
        return props.get("SecretString") or ""
    request = {key: value for key, value in wishes.items() if key not in ("SecretStringTemplate", "GenerateStringKey")}
    if "PasswordLength" in request:
        request["PasswordLength"] = int(request["PasswordLength"])
    status, _, body = secretsmanager._get_random_password(request)
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(answer.get("message") or answer.get("Message"))
    if not wishes.get("SecretStringTemplate"):
        return answer["RandomPassword"]
    key = wishes.get("GenerateStringKey") or DEFAULT_KEY
    return json.dumps({**json.loads(wishes["SecretStringTemplate"]), key: answer["RandomPassword"]})


def name_of(physical_id: str) -> str:
    """The name of the secret with this ARN; MiniStack's handlers know names only."""
    return next((name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == physical_id), physical_id)


def install() -> None:
    """Replace the generator, and the physical id of the resource type."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def create_by_arn(logical_id: str, props: Mapping, stack_name: str) -> tuple:
        _, attributes = create(logical_id, props, stack_name)
        return attributes["Arn"], attributes

    def update_by_arn(physical_id: str, *rest: Any) -> tuple:
        _, attributes = update(name_of(physical_id), *rest)
        return attributes["Arn"], attributes

    def delete_by_arn(physical_id: str, props: Mapping) -> None:
        delete(name_of(physical_id), props)

    provisioners._sm_secret_string = secret_string
    handler.update({"create": create_by_arn, "update": update_by_arn, "delete": delete_by_arn})
