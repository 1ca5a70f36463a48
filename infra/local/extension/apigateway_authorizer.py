"""Methods with IAM authorization want a signed request.

Gap: MiniStack lets any `Authorization` header through on an `AWS_IAM` method, a bearer token too; and it accepts an
ID token on a Cognito method that names scopes, if it carries a claim called `scope`. It hands a list, such as
`cognito:groups`, to a function as an HTTP API does: in brackets, with spaces.
Real AWS: IAM methods need Signature Version 4 for `execute-api`, no older than five minutes; without a signature 403
MISSING_AUTHENTICATION_TOKEN, with one that is not complete 403. A Cognito method with scopes takes access tokens only.
A REST API joins a list with commas.
Here: that, and `requestContext.identity.userArn` names the caller (an account id as access key is that account's root).
Unfaithful: the signature itself is not recomputed and the caller's policies are not evaluated. Who may call the
operators' routes has to be shown by the template's own checks.
"""

import base64
import json
from typing import Any

from ministack.core import sigv4
from ministack.services import apigateway_v1 as gateway

from extension.apigateway_context import header

SERVICE = "execute-api"


def signature_error(headers: dict) -> gateway._GatewayError | None:
    """The refusal of a request whose signature is missing, incomplete, foreign or old; None if it is fine."""
    authorization = header(headers, "authorization")
    if not authorization:
        return gateway._gw_error("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
    lowered = {name.lower(): header(headers, name) for name in headers}
    if not authorization.startswith("AWS4-HMAC-SHA256 "):
        failure = sigv4.foreign_authorization_failure(lowered)
    else:
        parsed = sigv4.parse_header_signature(lowered)
        if isinstance(parsed, tuple):
            failure = parsed
        elif parsed.service != SERVICE:
            failure = ("InvalidSignatureException", f"Credential should be scoped to correct service: '{SERVICE}'.")
        else:
            failure = sigv4.request_time_failure(parsed)
    if failure is None:
        return None
    code, message = failure
    kind, error_type = gateway._AUTHENTICATION_GATEWAY_ERRORS.get(code, ("INVALID_SIGNATURE", code))
    return gateway._GatewayError(kind, message, error_type)


def claims_of(token: str) -> dict:
    """A token's claims, unverified."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def install() -> None:
    """Check signatures, and what a token is for, before MiniStack does the rest."""
    authorize, validate = gateway._authorize_request_v1, gateway._validate_cognito_authorizer
    stringify = gateway._stringify_claims

    def stringify_lists(claims: dict | None) -> dict:
        joined = {name: ",".join(map(str, value)) for name, value in (claims or {}).items() if isinstance(value, list)}
        return stringify(claims) | joined

    async def authorize_signed(
        api_id: str,
        stage_name: str,
        method_obj: dict,
        method: str,
        request_path: str,
        resource: dict,
        headers: dict,
        *rest: Any,
    ) -> tuple:
        if (method_obj.get("authorizationType") or "").upper() == "AWS_IAM":
            error = signature_error(headers)
            if error is not None:
                return error, None
        return await authorize(api_id, stage_name, method_obj, method, request_path, resource, headers, *rest)

    async def validate_use(authorizer: dict, method_obj: dict, headers: dict, query: dict, stage: dict) -> tuple:
        token = gateway._cognito_token_from_request(authorizer, headers, query, stage)
        if token and method_obj.get("authorizationScopes") and claims_of(token).get("token_use") != "access":
            return None, gateway._gw_error("UNAUTHORIZED", "Unauthorized")
        return await validate(authorizer, method_obj, headers, query, stage)

    gateway._stringify_claims = stringify_lists
    gateway._authorize_request_v1 = authorize_signed
    gateway._validate_cognito_authorizer = validate_use
