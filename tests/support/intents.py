"""Intents as tests send them: a customer's wish, the message that carries it, and its names in the tables."""

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from machine import proof


@dataclass(frozen=True)
class Wish:
    """A request to become premium; each has a customer and a key of its own unless a test says otherwise."""

    method: str = "pm_cardVisa4242"
    customer: str = field(default_factory=lambda: str(uuid.uuid4()))
    key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def id(self) -> str:
        """The intent's id, as the platform computes it."""
        return proof.intent_id(self.customer, self.key)

    def charge(self, number: int = 1) -> str:
        """The name of the intent's n-th charge."""
        return f"{self.id}#{number}"

    def message(self, **changes: Any) -> str:
        """The message that the API publishes for it, with `changes` of its fields."""
        body = {"tier": "premium", "paymentMethod": self.method, "newsletter": False}
        message = {"customer": self.customer, "key": self.key, "body": body, "acceptedAt": now_ms()}
        return json.dumps(message | changes)


def handed_over(text: str) -> str:
    """The input of an execution that the Pipe starts for a message."""
    return json.dumps([{"messageId": str(uuid.uuid4()), "body": text, "eventSource": "aws:sqs"}])


def now_ms() -> int:
    """The time as tables, messages and events have it."""
    return time.time_ns() // 1_000_000


def held_by_another(wish: Wish) -> dict[str, Any]:
    """An item of content access: the customer has premium already, by an intent that this ledger does not know."""
    month = 30 * 24 * 3600 * 1000
    return {
        "pk": f"CUSTOMER#{wish.customer}",
        "sk": "TIER#premium",
        "customer": wish.customer,
        "tier": "premium",
        "intentId": proof.intent_id(wish.customer, "another"),
        "since": now_ms(),
        "until": now_ms() + month,
        "rev": 1,
    }
