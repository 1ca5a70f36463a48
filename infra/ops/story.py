"""What happened to one intent: gathered from the ledger, the outboxes, the services' rows, cases and executions.

Nothing here searches. Every place is known by name: an event's key is the digest of its charge, name and attempt, a
case's key is intent, charge and attempt, and the ledger's row names its executions.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from stage import Stage, give_up

SCHEMAS = Path(__file__).resolve().parents[1] / "events"
OUTBOX = {
    "subscriptions": "ledger",
    "payments": "payments",
    "content-access": "entitlements",
    "fraud-proxy": "fraud-verdicts",
    "payment-proxy": "provider-charges",
    "customer-relations": "customer-relations",
    "loyalty-proxy": "idempotency",
    "newsletter": "idempotency",
}
"""Which table has a service's outbox."""
SORTED = {"ledger", "entitlements", "customer-relations"}
"""The tables whose keys have a sort key too."""
MOST = 40
"""Of an intent's charges and attempts so many are looked at, the last ones."""
BATCH = 100
"""Keys that DynamoDB takes in one request."""

EVENTS = {
    "TierUpgradeRequested": "takes the request up",
    "TierUpgradeAbandoned": "gives the request up: the content is to be refused and the money to go back",
    "CustomerPaymentRequested": "knows of the charge",
    "FraudCheckPassed": "asked the fraud provider, who has nothing against it",
    "FraudCheckFailed": "asked the fraud provider, who says no",
    "PaymentCollected": "took the money",
    "PaymentFailed": "was told no by the issuer; the payment is cancelled",
    "PaymentRefunded": "holds no money any more",
    "PaymentRefundFailed": "cannot give the money back: the provider refuses",
    "PaymentCompleted": "knows that the money is there",
    "PaymentRejected": "knows that no money is held",
    "PaymentRefundRequested": "asks for the money to be given back",
    "ContentUnblocked": "unblocked the content",
    "ContentUnblockFailed": "refused the content",
    "SubscriptionActivated": "says: the customer is premium",
    "SubscriptionRejected": "says: it ended, and nothing was taken",
    "SubscriptionRefunded": "says: it ended, and the money went back",
    "SubscriptionParked": "says: a person must decide",
    "CustomerStatusUpdated": "asks for what comes with premium",
    "LoyaltyEnrolled": "enrolled the customer in the loyalty programme",
    "LoyaltyEnrolmentFailed": "could not enrol the customer in the loyalty programme",
    "NewsletterFailed": "was not taken by its provider",
    "CustomerRelationsCompleted": "has everything that comes with premium",
    "CustomerRelationsPartial": "has only a part of what comes with premium",
}
"""What an event means, after the name of who tells it."""
STATES = {
    "Claim": "takes the request up",
    "FraudCheck": "asks the fraud provider",
    "AwaitFraudBucket": "waits for its turn at the fraud provider",
    "PauseFraudCheck": "waits before it asks the fraud provider again",
    "Charge": "takes the money",
    "Unblock": "unblocks the content",
    "Activate": "writes into the ledger that the customer is premium",
    "BeginSettling": "begins to undo it",
    "Refuse": "refuses the content",
    "SettleCharge": "sees that no money is held: cancels or refunds",
    "FinishSettling": "writes into the ledger how it ended",
    "Park": "asks a person",
    "DependencyFailed": "gives this attempt up: a third party does not answer",
    "AttemptFailed": "gives this attempt up",
}
"""What a state of the state machine does; the others only lead from one to the next."""
ENDS = {
    "ExecutionFailed": "this attempt failed; the next one goes on from what is written",
    "ExecutionTimedOut": "this attempt took too long; the next one goes on from what is written",
    "ExecutionAborted": "this attempt was stopped; the next one goes on from what is written",
}
STATUSES = {
    "accepted": "accepted; it waits for its turn",
    "processing": "under way",
    "compensating": "being undone",
    "retrying": "waits for its next attempt",
    "parked": "waits for a person",
    "active": "ended: the customer is premium",
    "declined": "ended: declined, no money is held",
    "refunded": "ended: the money went back",
}


@dataclass(frozen=True)
class Line:
    """One thing that happened."""

    at: int
    who: str
    what: str
    event: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """All of it, and the facts as they stand now."""

    facts: dict[str, str]
    lines: list[Line]


def gather(where: Stage, intent: str, customer: str) -> Story:
    """The story of an intent; without a customer, that is found in the first events."""
    tables = Tables(where)
    row = tables.item("ledger", f"CUSTOMER#{customer or owner(tables, intent)}", f"INTENT#{intent}")
    if not row:
        give_up(f"The ledger of {where.prefix}-{where.name} has no intent {intent} of this customer.")
    lines = [Line(row["acceptedAt"], "customer", "asks to become premium")]
    lines += told(tables, intent, row)
    lines += decided(tables, intent, row)
    for arn in sorted({row.get(name) for name in ("owner", "endedBy", "takenFrom")} - {None}):
        lines += conducted(where, arn)
    lines.append(Line(row["updatedAt"], "ledger", STATUSES[row["status"]]))
    # How it stands now is the last word, also where an event was written with it.
    return Story(facts(tables, intent, row), sorted(lines, key=lambda line: (line.at, line.who == "ledger")))


def owner(tables: "Tables", intent: str) -> str:
    """Whose intent it is, as its first events say."""
    for name in ("TierUpgradeRequested", "SubscriptionActivated", "SubscriptionRejected", "SubscriptionRefunded"):
        places = [event_id(f"{intent}#1", name, attempt) for attempt in range(1, MOST + 1)]
        found = next(tables.items("ledger", [f"EVENT#{place}" for place in places]), None)
        if found:
            return json.loads(found["detail"])["data"]["customer"]
    return give_up(f"No event of the last two weeks is about {intent}. Name its customer too: CUSTOMER=<sub>.")


def told(tables: "Tables", intent: str, row: dict[str, Any]) -> Iterator[Line]:
    """What the services told each other."""
    for schema in sorted(SCHEMAS.glob("*.json")):
        name, said = schema.stem, json.loads(schema.read_text())
        service = said["x-source"].removeprefix("new-science.")
        places = [event_id(f"{intent}#{n}", name, attempt) for n, attempt in attempts(row)]
        for item in tables.items(OUTBOX[service], [f"EVENT#{place}" for place in places]):
            detail = json.loads(item["detail"])
            data = detail["data"]
            why = f" ({data['reason']})" if data.get("reason") else ""
            again = f", attempt {data['attempt']}" if data["attempt"] > 1 else ""
            yield Line(detail["occurredAt"], service, f"{EVENTS[name]}{why}{again}", name, tuple(said["x-heard-by"]))


def decided(tables: "Tables", intent: str, row: dict[str, Any]) -> Iterator[Line]:
    """The cases, and what people did."""
    about = [f"CASE#{intent}-{n}-{attempt}{kind}" for n, attempt in attempts(row) for kind in ("", "-relations")]
    for case in tables.items("cases", about):
        yield Line(case["openedAt"], "case", f"asks a person: {case['why']}")
        for entry in case.get("audit", []):
            yield Line(entry["at"], entry["by"].rpartition("/")[2], f"decides: {entry['action']}. {entry['why']}")


def conducted(where: Stage, arn: str) -> Iterator[Line]:
    """What an execution of the state machine did."""
    pages = where.client("stepfunctions").get_paginator("get_execution_history")
    try:
        for page in pages.paginate(executionArn=arn, includeExecutionData=False):
            for event in page["events"]:
                at = int(event["timestamp"].timestamp() * 1000)
                name = event.get("stateEnteredEventDetails", {}).get("name", "")
                if name in STATES:
                    yield Line(at, "subscribe", STATES[name])
                elif event["type"] in ENDS:
                    yield Line(at, "subscribe", ENDS[event["type"]])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        # Step Functions forgets after 90 days.


def facts(tables: "Tables", intent: str, row: dict[str, Any]) -> dict[str, str]:
    """How everything stands now."""
    charge = f"{intent}#{row['n']}"
    money, at_provider = (
        tables.item("payments", f"CHARGE#{charge}"),
        tables.item("provider-charges", f"CHARGE#{charge}"),
    )
    decision = tables.item("entitlements", f"DECISION#{charge}", "DECISION")
    price = f"{row['price']['amount'] / 100:.2f} {row['price']['currency'].upper()}"
    payment = money.get("paymentId") or at_provider.get("paymentId")
    told = {
        "intent": intent,
        "customer": row["customer"],
        "key": row["key"],
        "style": row["style"],
        "status": STATUSES[row["status"]] + (f" ({row['reason']})" if row.get("reason") else ""),
        "attempt": f"{row['attempt']}, charge {row['n']}",
        "money": f"{price}: {money.get('state', 'not begun')}" + (f", {payment} at the provider" if payment else ""),
        "content": decision.get("decision", "not decided"),
    }
    later = {"relations": row.get("relations"), "case": row.get("caseId")}
    return told | {name: value for name, value in later.items() if value}


def attempts(row: dict[str, Any]) -> list[tuple[int, int]]:
    """Charge and attempt of everything that may have happened, the last ones."""
    last = range(max(1, row["attempt"] - MOST + 1), row["attempt"] + 1)
    return [(n, attempt) for n in range(1, row["n"] + 1) for attempt in last]


def event_id(charge: str, name: str, attempt: int) -> str:
    """The id of an event, as `shared/domain/src/events/envelope.rs` makes it."""
    digest = hashlib.sha256(f"{charge}:{name}:{attempt}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Tables:
    """The stage's tables, read by key."""

    def __init__(self, where: Stage) -> None:
        self.where = where
        self.client = where.client("dynamodb")

    def item(self, table: str, pk: str, sk: str | None = None) -> dict[str, Any]:
        """One item; empty where there is none."""
        found = self.client.get_item(
            TableName=self.where.resource(table), Key=key(pk, sk), ConsistentRead=True, ReturnConsumedCapacity="NONE"
        )
        return plain(found.get("Item", {}))

    def items(self, table: str, places: list[str]) -> Iterator[dict[str, Any]]:
        """Those of these items that are there; where the table has a sort key, it is the same text."""
        name = self.where.resource(table)
        for first in range(0, len(places), BATCH):
            keys = [key(place, place if table in SORTED else None) for place in places[first : first + BATCH]]
            request = {name: {"Keys": keys}}
            while request:
                try:
                    answer = self.client.batch_get_item(RequestItems=request)
                except self.client.exceptions.ResourceNotFoundException:
                    # A stage without a loyalty programme has no customer relations. The ledger was there.
                    break
                yield from (plain(item) for item in answer["Responses"].get(name, []))
                request = answer.get("UnprocessedKeys")


def key(pk: str, sk: str | None) -> dict[str, dict[str, str]]:
    """A key as DynamoDB wants it."""
    return {"pk": {"S": pk}} | ({"sk": {"S": sk}} if sk else {})


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as Python has it, whole numbers as `int`."""

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: whole(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [whole(inner) for inner in value]
        return int(value) if hasattr(value, "as_integer_ratio") and not isinstance(value, bool | float) else value

    return {name: whole(TypeDeserializer().deserialize(value)) for name, value in item.items()}
