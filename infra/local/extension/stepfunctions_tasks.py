"""Tasks that call an AWS service: any service, atomically, with AWS's error names.

Gap: `aws-sdk:*` knows two dozen services (not Pipes, Scheduler or Cognito) and turns answers of query protocols into
texts; the optimized DynamoDB tasks run beside all other writes, so that two of them both pass one condition; the
optimized SNS task drops message attributes.
Real AWS: every service of the SDK, parameters and results in PascalCase as in the Java SDK, errors as
`<Service>.<Name>Exception`; optimized DynamoDB tasks fail with `DynamoDB.…`, their SDK twins with `DynamoDb.…`.
Here: services that MiniStack answers in JSON stay as they are; every other one is called with botocore over loopback
HTTP, as any client would call it. Optimized DynamoDB tasks go the way of a DynamoDB request.
Unfaithful: results carry no SdkHttpMetadata; error names follow botocore's models, which differ from the Java SDK's in
places; `.sync` of aws-sdk tasks does not exist (nor does it on AWS).
"""

import datetime
import functools
import json
import os
import re
import threading

import botocore.session
from botocore import xform_name
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, UnknownServiceError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions as sfn
from ministack.services.stepfunctions import _ExecutionError as StateError

BOTOCORE_NAMES = {
    "sfn": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "cognitoidentity": "cognito-identity",
    "elasticloadbalancingv2": "elbv2",
}
"""Services whose name in a resource ARN is not botocore's."""

_client_lock = threading.Lock()
_upstream_sdk = sfn._invoke_aws_sdk_integration


def install() -> None:
    """Replace the SDK tasks, and the optimized tasks of DynamoDB and SNS."""
    sfn._invoke_aws_sdk_integration = _invoke_sdk
    for operation in ("getItem", "putItem", "updateItem", "deleteItem"):
        sfn._SERVICE_DISPATCH[f"arn:aws:states:::dynamodb:{operation}"] = functools.partial(_dynamodb, operation)
    sfn._SERVICE_DISPATCH["arn:aws:states:::sns:publish"] = _sns_publish


def _invoke_sdk(resource: str, arguments: dict) -> object:
    """`arn:aws:states:::aws-sdk:<service>:<action>`, with or without a task token."""
    service, action = resource.replace(".waitForTaskToken", "").split(":")[6:8]
    if sfn._AWS_SDK_SERVICE_MAP.get(service.lower(), {}).get("protocol") != "json":
        return call(service.lower(), action, arguments)
    try:
        return _upstream_sdk(resource, arguments)
    except StateError as error:
        raise StateError(_as_exception(error.error), error.cause) from None


def _as_exception(error: str) -> str:
    """Every error of the Java SDK is called an exception, whatever the service calls it."""
    return error if error.startswith("States.") or error.endswith("Exception") else f"{error}Exception"


def _dynamodb(operation: str, _resource: str, arguments: dict) -> object:
    """One of the optimized tasks: the request as the service's own clients send it, attribute types included."""
    name = operation[0].upper() + operation[1:]
    headers = {"x-amz-target": f"DynamoDB_20120810.{name}", "content-type": "application/x-amz-json-1.0"}
    handler = app.SERVICE_HANDLERS["dynamodb"]
    status, _headers, body = app.call_service_handler_sync(handler, "POST", "/", headers, json.dumps(arguments), {})
    answer = json.loads(body) if body else {}
    if status >= 400:
        error = re.split(r"[#.]", answer.get("__type", "AmazonDynamoDBException"))[-1]
        raise StateError(f"DynamoDB.{error}", answer.get("message") or answer.get("Message", ""))
    return answer


def _sns_publish(_resource: str, arguments: dict) -> object:
    message = arguments.get("Message")
    text = message if isinstance(message, str) else json.dumps(message)
    try:
        return call("sns", "publish", {**arguments, "Message": text})
    except StateError as error:
        raise StateError(error.error.replace("Sns.", "SNS."), error.cause) from None


def call(service: str, action: str, arguments: dict) -> dict:
    """Call an action of a service as the account that this thread works for, and answer as the Java SDK would."""
    name = BOTOCORE_NAMES.get(service, service)
    try:
        client = _client(name, get_account_id(), get_region())
        model = client.meta.service_model.operation_model(action[0].upper() + action[1:])
    except (UnknownServiceError, KeyError):
        raise StateError("States.Runtime", f"There is no SDK action {service}:{action}.") from None
    wire = _to_wire(arguments, model.input_shape) if model.input_shape else {}
    try:
        answer = getattr(client, xform_name(model.name))(**wire)
    except ClientError as error:
        told = error.response["Error"]
        code = told.get("QueryErrorCode") or told["Code"]  # a service that changed protocols has two names for it
        raise StateError(_error_name(client, service, code), told.get("Message", "")) from None
    except BotoCoreError as error:  # the parameters do not fit
        raise StateError("States.Runtime", str(error)) from None
    return _to_sdk(answer, model.output_shape) if model.output_shape else {}


@functools.lru_cache(maxsize=64)
def _new_client(service: str, account: str, region: str) -> BaseClient:
    return botocore.session.get_session().create_client(
        service,
        region_name=region,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=account,
        aws_secret_access_key="local",
        config=Config(retries={"max_attempts": 0}, inject_host_prefix=False, max_pool_connections=64, read_timeout=900),
    )


def _client(service: str, account: str, region: str) -> BaseClient:
    with _client_lock:  # botocore's session is not made for concurrent creation; its clients are shareable
        return _new_client(service, account, region)


def _error_name(client: BaseClient, service: str, code: str) -> str:
    """`Pipes.ConflictException`: the service as the Java SDK names its client, the error as its exception."""
    service_id = client.meta.service_model.service_id.hyphenize()
    prefix = sfn._AWS_SDK_ERROR_PREFIX.get(service) or "".join(word.capitalize() for word in service_id.split("-"))
    modelled = next((s.name for s in client.meta.service_model.error_shapes if code in (s.name, s.error_code)), code)
    name = modelled.rsplit(".", 1)[-1]
    return _as_exception(f"{prefix}.{name}")


def _to_wire(value: object, shape: Shape | None) -> object:
    """Parameters as the service's model names them; a document where a text or bytes are wanted becomes JSON."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {name.lower(): name for name in shape.members}
        known = {names.get(key.lower(), key): part for key, part in value.items()}
        return {key: _to_wire(part, shape.members.get(key)) for key, part in known.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_to_wire(part, shape.member) for part in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _to_wire(part, shape.value) for key, part in value.items()}
    if isinstance(value, (dict, list)) and shape is not None and shape.type_name in ("string", "blob"):
        return json.dumps(value)
    return value


def _to_sdk(value: object, shape: Shape | None) -> object:
    """Results in PascalCase and JSON."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            name[0].upper() + name[1:]: _to_sdk(value[name], member)
            for name, member in shape.members.items()
            if name in value
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_to_sdk(part, shape.member) for part in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _to_sdk(part, shape.value) for key, part in value.items()}
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    if hasattr(value, "read"):
        value = value.read()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
