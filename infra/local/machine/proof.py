"""The promises, checked from the records: the ledger's rows against the payment provider's own journal."""

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from machine import client, deploy

TERMINAL = {"active", "declined", "refunded"}


@dataclass(frozen=True)
class Line:
    """What the records say of one accepted intent."""

    intent: str
    status: str
    captured: int
    refunded: int
    entitled: bool
    case: bool

    @property
    def broken(self) -> str:
        """The promise that this intent breaks; empty when it breaks none."""
        if self.captured > 1:
            return "charged more than once"
        if self.status == "missing":
            return "accepted, but not in the ledger"
        if self.status == "parked":
            return "" if self.case else "parked without an open case"
        if self.status not in TERMINAL:
            return "not ended"
        if self.status == "active" and not (self.captured == 1 and self.refunded == 0 and self.entitled):
            return "active without payment or content"
        if self.status != "active" and self.captured != self.refunded:
            return "money kept without content"
        return ""


def intent_id(sub: str, key: str) -> str:
    """The id of a customer's intent in tables, at the provider, and in cases."""
    digest = hashlib.sha256(f"{sub}:{key}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def lines(stack: dict[str, Any], accepted: list[tuple[str, str]]) -> list[Line]:
    """One line for each accepted `(sub, key)`."""
    tables = deploy.session().resource("dynamodb", endpoint_url=stack["endpoint"])
    ledger = tables.Table(stack["tables"]["ledger"])
    entitlements = tables.Table(stack["tables"]["entitlements"])
    cases = {case["intentId"] for case in tables.Table(stack["tables"]["cases"]).scan()["Items"] if case.get("open")}
    journal = client.expect(
        client.call("GET", f"{stack['standIns']['payment']['admin']}/journal"), 200, "the payment provider's journal"
    )
    captures, refunds = (_by_intent(journal[kind]) for kind in ("captures", "refunds"))
    answer = []
    for sub, key in accepted:
        intent = intent_id(sub, key)
        row = ledger.get_item(Key={"pk": f"CUSTOMER#{sub}", "sk": f"INTENT#{intent}"}, ConsistentRead=True).get("Item")
        content = entitlements.get_item(Key={"pk": f"CUSTOMER#{sub}", "sk": "TIER#premium"}, ConsistentRead=True)
        answer.append(
            Line(
                intent,
                row["status"] if row else "missing",
                captures[intent],
                refunds[intent],
                "Item" in content,
                intent in cases,
            )
        )
    return answer


def _by_intent(entries: list[dict[str, Any]]) -> Counter[str]:
    # The provider knows charges (`intentId#n`) or intents, as `metadata.intent` was written.
    return Counter(str(entry["intent"]).partition("#")[0] for entry in entries)
