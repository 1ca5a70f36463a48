"""What nobody should send, and what becomes of it: over HTTP, in queues, in configuration, from providers."""

import base64
import json
import os
import re
import subprocess
import time
import uuid
from typing import Any

import pytest

from machine import client as http
from machine import seed, settings
from machine.client import Answer, Customer
from support.intents import Wish, handed_over
from support.platform import Platform
from support.readers import readers
from support.waiting import until

CARD = "4242424242424242"
GOOD = {"tier": "premium", "paymentMethod": "pm_cardVisa4242", "newsletter": False}

pytestmark = pytest.mark.usefixtures("daylight")


@pytest.fixture(scope="module")
def reader(platform: Platform) -> Customer:
    """A signed-in customer who never gets as far as a subscription."""
    return readers(platform, 1)[0]


def ask(platform: Platform, token: str | None, body: Any = GOOD, **headers: str) -> Answer:
    """A request to become premium; headers are named with underscores, an empty one is left out."""
    given = {"Idempotency_Key": str(uuid.uuid4()), "Authorization": f"Bearer {token}" if token else ""} | headers
    sent = {name.replace("_", "-"): value for name, value in given.items() if value}
    return http.call("POST", f"{platform.stack['api']}/subscriptions", body, sent)


def problem(answer: Answer, status: int) -> str:
    """The detail of an answer that must be a problem with this status."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    assert answer.body["title"]
    return answer.body["detail"]


# ---- who calls -----------------------------------------------------------------------------------------------------
def test_a_missing_token_is_401(platform: Platform) -> None:
    assert "access token" in problem(ask(platform, None), 401)


@pytest.mark.parametrize("route", ["/subscriptions", f"/subscriptions/{uuid.uuid4()}"])
def test_reading_without_a_token_is_401(platform: Platform, route: str) -> None:
    problem(http.call("GET", platform.stack["api"] + route), 401)


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "Basic YTpi"])
def test_a_token_that_is_none_is_401(platform: Platform, token: str) -> None:
    problem(ask(platform, None, Authorization=f"Bearer {token}"), 401)


def test_a_token_of_another_pool_is_401(platform: Platform) -> None:
    cognito = platform.aws("cognito-idp")
    pool = cognito.create_user_pool(PoolName="another")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="another", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    [foreigner] = seed.customers(platform.stack["endpoint"], pool, ["mallory@example.org"])
    elsewhere = platform.stack | {"userPool": {"id": pool, "clientId": client}}
    problem(ask(platform, Customer.sign_in(elsewhere, **foreigner).token), 401)


def test_an_identity_token_is_401(platform: Platform) -> None:
    tokens = platform.aws("cognito-idp").initiate_auth(
        ClientId=platform.stack["userPool"]["clientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={
            "USERNAME": platform.stack["customers"][0]["email"],
            "PASSWORD": platform.stack["customers"][0]["password"],
        },
    )["AuthenticationResult"]
    problem(ask(platform, tokens["IdToken"]), 401)


@pytest.mark.parametrize(
    "claims",
    [{"sub": "somebody-else"}, {"exp": 1}, {"exp": int(time.time()) + 99999}],
    ids=["sub", "expired", "longer"],
)
def test_a_token_that_was_tampered_with_is_401(platform: Platform, reader: Customer, claims: dict[str, Any]) -> None:
    head, body, signature = reader.token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "==")) | claims
    body = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    problem(ask(platform, f"{head}.{body}.{signature}"), 401)


def test_an_expired_token_is_401(platform: Platform) -> None:
    client = platform.aws("cognito-idp").create_user_pool_client(
        UserPoolId=platform.stack["userPool"]["id"],
        ClientName="short",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        AccessTokenValidity=1,
        TokenValidityUnits={"AccessToken": "seconds"},
    )["UserPoolClient"]["ClientId"]
    short = platform.stack | {"userPool": platform.stack["userPool"] | {"clientId": client}}
    token = Customer.sign_in(short, **platform.stack["customers"][0]).token
    _, body, _ = token.split(".")
    expires = json.loads(base64.urlsafe_b64decode(body + "=="))["exp"]
    until(lambda: time.time() > expires + 1, 10, "the token's end")
    problem(ask(platform, token), 401)


def test_another_customers_subscription_is_404(platform: Platform) -> None:
    ada, mallory = readers(platform, 2)
    key = ada.subscribe("pm_declinedByIssuer")
    until(lambda: ada.status(key) == "declined", what="Ada's decline")
    headers = {"Authorization": f"Bearer {mallory.token}"}
    problem(http.call("GET", f"{platform.stack['api']}/subscriptions/{key}", headers=headers), 404)
    listed = http.call("GET", f"{platform.stack['api']}/subscriptions", headers=headers)
    assert (listed.status, listed.body) == (200, {"subscriptions": []})


def test_operators_routes_are_closed_to_customers_and_strangers(platform: Platform, reader: Customer) -> None:
    url = f"{platform.stack['api']}/ops/cases"
    problem(http.call("GET", url), 403)
    assert http.call("GET", url, headers={"Authorization": f"Bearer {reader.token}"}).status in (400, 403)


def test_an_unknown_route_is_a_problem(platform: Platform) -> None:
    assert "No such route" in problem(http.call("GET", f"{platform.stack['api']}/nowhere"), 403)


# ---- what they send ------------------------------------------------------------------------------------------------
def test_a_missing_idempotency_key_is_named(platform: Platform, reader: Customer) -> None:
    assert "Idempotency-Key" in problem(ask(platform, reader.token, Idempotency_Key=""), 400)


@pytest.mark.parametrize(
    "key", ["1", CARD, "x" * 36, str(uuid.uuid4()) + "0", "{" + str(uuid.uuid4()) + "}", "a" * 4000]
)
def test_an_invalid_idempotency_key_is_named(platform: Platform, reader: Customer, key: str) -> None:
    assert "Idempotency-Key" in problem(ask(platform, reader.token, Idempotency_Key=key), 400)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (GOOD | {"admin": True}, "admin"),
        (GOOD | {"customer": "somebody-else"}, "customer"),
        (GOOD | {"tier": "gold"}, "tier"),
        (GOOD | {"tier": 7}, "tier"),
        (GOOD | {"tier": None}, "tier"),
        (GOOD | {"tier": "premium" * 1000}, "tier"),
        (GOOD | {"newsletter": "yes"}, "newsletter"),
        (GOOD | {"paymentMethod": ["pm_cardVisa4242"]}, "paymentMethod"),
        (GOOD | {"paymentMethod": "pm_" + "x" * 65}, "paymentMethod"),
        (GOOD | {"paymentMethod": "pm_short"}, "paymentMethod"),
        (GOOD | {"paymentMethod": 'pm_quote"}and'}, "paymentMethod"),
        ({"tier": "premium"}, "paymentMethod"),
        ({"paymentMethod": "pm_cardVisa4242"}, "tier"),
        ([], "body"),
        ("premium", "body"),
    ],
)
def test_a_body_that_does_not_fit_is_named(platform: Platform, reader: Customer, body: Any, named: str) -> None:
    assert named in problem(ask(platform, reader.token, body), 400)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (GOOD | {"paymentMethod": CARD}, "paymentMethod"),
        (GOOD | {"paymentMethod": f"pm_{CARD}"}, "paymentMethod"),
        (GOOD | {"paymentMethod": f"pm_x{CARD}y"}, "paymentMethod"),
        (GOOD | {"tier": CARD}, "tier"),
        (GOOD | {"newsletter": int(CARD)}, "newsletter"),
        (GOOD | {"cardNumber": CARD}, "cardNumber"),
    ],
)
def test_a_card_number_in_any_field_is_refused(
    platform: Platform, reader: Customer, body: dict[str, Any], named: str
) -> None:
    assert named in problem(ask(platform, reader.token, body), 400)


def test_a_body_that_is_no_json_is_a_problem(platform: Platform, reader: Customer) -> None:
    answer = raw(platform, reader, b"{this is no json", "application/json")
    assert "body" in problem(answer, 400)


def test_another_content_type_is_a_problem(platform: Platform, reader: Customer) -> None:
    answer = raw(platform, reader, b"tier=premium", "application/x-www-form-urlencoded")
    assert "Content-Type" in problem(answer, 415)


def raw(platform: Platform, reader: Customer, data: bytes, content_type: str) -> Answer:
    """A request whose body is not written by us."""
    headers = {
        "Authorization": f"Bearer {reader.token}",
        "Idempotency-Key": str(uuid.uuid4()),
        "Content-Type": content_type,
    }
    return http.call("POST", f"{platform.stack['api']}/subscriptions", data, headers)


def test_nothing_of_this_was_accepted(platform: Platform, reader: Customer) -> None:
    listed = http.call(
        "GET", f"{platform.stack['api']}/subscriptions", headers={"Authorization": f"Bearer {reader.token}"}
    )
    assert (listed.status, listed.body) == (200, {"subscriptions": []})


def test_an_operators_decision_without_a_reason_is_refused(platform: Platform) -> None:
    assert "why" in problem(platform.operate("POST", "/ops/cases/any", {"action": "close"}), 400)
    assert "action" in problem(platform.operate("POST", "/ops/cases/any", {"action": "dance", "why": "x"}), 400)
    problem(platform.operate("POST", "/ops/cases/any", {"action": "close", "why": "x"}), 404)


# ---- queues --------------------------------------------------------------------------------------------------------
def test_poison_in_the_register_queue_goes_to_its_dead_letter_queue_with_the_reason(platform: Platform) -> None:
    healthy = Wish()
    poison = f'{{"customer": "{healthy.customer}", "paymentMethod": "{CARD}"}}'
    platform.send(poison, "register")
    platform.send(healthy.message(), "register")
    dead = platform.dead_letter("registerDlq", healthy.customer)
    reason = dead["MessageAttributes"]["reason"]["StringValue"]
    assert "not a subscription intent" in reason
    assert CARD not in reason
    platform.comes_to(healthy, "accepted", "processing", "active")


def test_poison_in_the_recovery_queue_goes_to_its_dead_letter_queue_with_the_reason(platform: Platform) -> None:
    mark = uuid.uuid4().hex
    platform.send(f"poison {mark}", "recovery")
    dead = platform.dead_letter("recoveryDlq", mark)
    assert "not a status event" in dead["MessageAttributes"]["reason"]["StringValue"]


# ---- configuration -------------------------------------------------------------------------------------------------
REQUIRED = {
    "subscriptions-api": ["LEDGER_TABLE", "SITE_ORIGIN"],
    "subscriptions-task": ["LEDGER_TABLE", "CASES_TABLE", "MAX_INTENT_AGE_HOURS", "PREMIUM_PRICE_MINOR"],
    "subscriptions-events": ["LEDGER_TABLE", "REGISTER_DLQ_URL", "MAX_INTENT_AGE_HOURS"],
    "intent-recovery": ["LEDGER_TABLE", "INTENTS_QUEUE_URL", "MAX_ATTEMPTS", "RETRY_MAX_DELAY_SECONDS"],
    "payments-task": ["PAYMENTS_TABLE", "PAYMENT_BASE_URL", "PAYMENT_TIMEOUT_MS"],
    "content-access-task": ["ENTITLEMENTS_TABLE", "PREMIUM_TERM_DAYS"],
    "half-open-probe": ["PIPELINES_TABLE", "QUEUE_URL", "TRIAL_INTENTS", "LEASE_SECONDS", "ON_EMPTY_QUEUE"],
    "processing-status": ["STATUS_PARAMETER"],
    "ops-api": ["CASES_TABLE", "MAX_INTENT_AGE_HOURS", "GATES", "GATES_TABLE"],
    "reserve-call": ["GATES", "GATES_TABLE", "METRICS_NAMESPACE"],
    "report-call": ["GATES", "GATES_TABLE", "METRICS_NAMESPACE"],
}
MEASURED = re.compile(r"(HOURS|MINOR|DAYS|SECONDS|ATTEMPTS|INTENTS|_MS)$")


@pytest.mark.parametrize(
    ("function", "variable"), [(name, variable) for name, variables in REQUIRED.items() for variable in variables]
)
def test_a_function_without_a_variable_refuses_to_start_and_names_it(
    platform: Platform, function: str, variable: str
) -> None:
    values = [None, "many"] if MEASURED.search(variable) else [None, ""]
    for value in values:
        ended = started(platform, function, variable, value)
        assert ended.returncode != 0
        assert variable in ended.stdout + ended.stderr


def started(platform: Platform, function: str, variable: str, value: str | None) -> "subprocess.CompletedProcess[str]":
    """Start the function's program as Lambda would, with one of its variables changed or left out."""
    name = platform.stack["functions"][function]
    configuration = platform.aws("lambda").get_function_configuration(FunctionName=name)
    environment = settings.aws_environment(platform.stack["endpoint"]) | configuration["Environment"]["Variables"]
    # A runtime API that nobody serves: a function that starts after all fails there, without a word of the variable.
    environment |= {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "AWS_LAMBDA_FUNCTION_NAME": name}
    environment |= {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "1"}
    environment |= {"AWS_LAMBDA_LOG_STREAM_NAME": "x", "AWS_LAMBDA_LOG_GROUP_NAME": "x", "PATH": os.environ["PATH"]}
    environment.pop(variable, None)
    if value is not None:
        environment[variable] = value
    program = settings.ROOT / "target" / "lambda" / function / "bootstrap"
    return subprocess.run([program], env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_a_deployed_function_with_a_wrong_variable_says_so_to_its_caller(platform: Platform) -> None:
    functions, name = platform.aws("lambda"), platform.stack["functions"]["processing-status"]
    right = functions.get_function_configuration(FunctionName=name)["Environment"]
    wrong = {"Variables": {key: value for key, value in right["Variables"].items() if key != "STATUS_PARAMETER"}}
    functions.update_function_configuration(FunctionName=name, Environment=wrong)
    try:
        answer = functions.invoke(FunctionName=name, Payload=b"{}")
        assert "FunctionError" in answer
        until(lambda: "STATUS_PARAMETER" in platform.logs("processing-status"), what="the log names it")
    finally:
        functions.update_function_configuration(FunctionName=name, Environment=right)
    assert http.processing_status(platform.stack)["state"] == "normal"


# ---- providers -----------------------------------------------------------------------------------------------------
def test_a_providers_garbage_is_retryable_and_its_body_is_not_logged(platform: Platform) -> None:
    wish = Wish()
    with platform.failing("payment", "garbage"):
        garbage = http.call(
            "GET",
            f"{platform.stack['standIns']['payment']['url']}/v1/payment_intents/any",
            headers={"Authorization": "Bearer sk_test_local", "Stripe-Version": "2025-03-31.basil"},
        )
        assert isinstance(garbage.body, str)
        execution = platform.subscribe.run(handed_over(wish.message()))
    assert execution.failure["error"] == "Retryable"
    assert execution.failure["cause"]["dependency"] == "payment"
    phrase = re.sub(r"<[^>]*>", "\n", garbage.body).split("\n")
    phrase = max((line.strip() for line in phrase), key=len)
    assert len(phrase) > 8, garbage.body
    logged = until(
        lambda: [line for line in platform.logs("payments-task").splitlines() if wish.id in line], what="logs"
    )
    assert phrase not in platform.logs("payments-task")
    assert phrase not in json.dumps(execution.failure)
    assert logged
    platform.comes_to(wish, "active")


# ---- after all that ------------------------------------------------------------------------------------------------
def test_no_card_number_is_anywhere(platform: Platform) -> None:
    places = {f"log of {name}": platform.logs(name) for name in platform.stack["functions"]}
    for name, table in platform.stack["tables"].items():
        pages = platform.aws("dynamodb").get_paginator("scan").paginate(TableName=table)
        places[f"table {name}"] = json.dumps([item for page in pages for item in page["Items"]])
    for name, url in platform.stack["queues"].items():
        places[f"queue {name}"] = json.dumps(waiting(platform, url))
    found = {place: numbers for place, text in places.items() if (numbers := card_numbers(text))}
    assert found == {}


def waiting(platform: Platform, url: str) -> list[dict[str, Any]]:
    """The messages of a queue, looked at for a second."""
    messages: list[dict[str, Any]] = []
    while (
        got := platform.aws("sqs")
        .receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=2, WaitTimeSeconds=0, MessageAttributeNames=["All"]
        )
        .get("Messages")
    ):
        messages += got
    return [{"body": message["Body"], "why": message.get("MessageAttributes")} for message in messages]


def card_numbers(text: str) -> set[str]:
    """Every run of 13 to 19 digits that passes Luhn's check and begins as the large networks' numbers do."""
    runs = re.findall(r"(?<![0-9A-Za-z_-])[3-6][0-9]{12,18}(?![0-9A-Za-z_-])", text)
    return {run for run in runs if luhn(run)}


def luhn(digits: str) -> bool:
    """Luhn's check, which every card number passes."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0
