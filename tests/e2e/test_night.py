"""A night in which the payment provider goes down, comes back slow, then loses answers, and goes down once more.

The night is played once; each test asks one question about it.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from machine import client as http
from machine import proof
from machine.client import Customer
from support.breaker import Breaker
from support.intents import Wish, held_by_another
from support.platform import TERMINAL, Platform
from support.readers import AT_ONCE, readers, subscribe
from support.waiting import until

SETTLE_MS = 5_000
PROBE_MAX_SECONDS = 30
SETTLE_SECONDS = SETTLE_MS / 1000
MIXED = ["pm_declinedByIssuer", "pm_actionRequired", "pm_fraudsterNo1", "pm_lostReply", *["pm_cardVisa4242"] * 16]


@dataclass
class Night:
    """What was seen."""

    customers: dict[str, Customer]
    accepted: list[Wish] = field(default_factory=list)
    opened: dict[str, Any] = field(default_factory=dict)
    banners: list[str] = field(default_factory=list)
    recorded_while_open: Counter[str] = field(default_factory=Counter)
    waits: list[int] = field(default_factory=list)
    started_while_open: list[str] = field(default_factory=list)
    opened_again: dict[str, Any] = field(default_factory=dict)
    repair_seconds: float = 0.0
    proven: list[proof.Line] = field(default_factory=list)


@pytest.fixture(scope="module")
def night(platform: Platform, breaker: Breaker) -> Iterator[Night]:
    """Play it."""
    teller = Teller(platform, breaker)
    try:
        yield teller.tell()
    finally:
        platform.fault("payment", "none")


class Teller:
    """The night's course of events."""

    def __init__(self, platform: Platform, breaker: Breaker) -> None:
        self.platform = platform
        self.breaker = breaker
        self.waiting = readers(platform, 200)
        self.night = Night({customer.sub: customer for customer in self.waiting})

    def tell(self) -> Night:
        """From evening to morning."""
        self.breaker.comes_to("closed")
        self.evening()
        self.outage()
        self.slow()
        self.lossy()
        self.second_outage()
        self.morning()
        return self.night

    def evening(self) -> None:
        """All is well; one in ten has premium content already, so that a payment must go back."""
        self.see_banner("normal")
        self.ask(30)

    def outage(self) -> None:
        """Down: the circuit opens, intents wait, probes fail."""
        self.platform.fault("payment", "unavailable")
        self.ask(40)
        self.see_banner("delayed")
        self.night.opened = self.breaker.comes_to("open")
        asked = self.ask(50)
        until(lambda: all(map(self.platform.status, asked)), 30, "the ledger knows what was accepted while open")
        assert self.breaker.state in ("open", "half_open")
        self.night.recorded_while_open = Counter(map(self.platform.status, asked))
        waits: dict[int, int] = {}

        def three_probes() -> bool:
            record = self.breaker.record()
            if record["state"] == "open" and "nextProbeAt" in record:
                waits[record["opens"]] = record["nextProbeAt"] - record["since"]
            return len(waits) >= 3

        until(three_probes, 180, "three probes that failed", every=0.3)
        self.night.waits = [waits[opens] for opens in sorted(waits)]
        settled = self.night.opened["stoppedAt"] + SETTLE_MS
        self.night.started_while_open = [
            execution["name"]
            for execution in self.platform.subscribe.executions()
            if execution["startDate"].timestamp() * 1000 > settled
        ]

    def slow(self) -> None:
        """Back, but slow: a probe closes the circuit."""
        self.platform.fault("payment", "slow", delayMs=300)
        self.see_banner("normal", 120)
        self.ask(30)

    def lossy(self) -> None:
        """It does what it is asked, and often nobody hears of it."""
        self.platform.fault("payment", "lost-reply", ratio=0.4)
        self.ask(30)
        self.platform.fault("payment", "act-then-hang", ratio=0.2, delayMs=3000)
        self.ask(20)
        self.all_end()

    def second_outage(self) -> None:
        """The circuit opens again, and closes soon after the repair."""
        self.breaker.alarm_comes_to("OK", "INSUFFICIENT_DATA")
        self.breaker.comes_to("closed")
        generation = self.breaker.record()["gen"]
        self.platform.fault("payment", "unavailable")
        self.ask(20)
        self.night.opened_again = self.breaker.comes_to("open")
        assert self.night.opened_again["gen"] > generation
        self.see_banner("delayed")
        self.platform.fault("payment", "none")
        repaired = time.monotonic()
        until(lambda: self.breaker.state == "closed", 120, "a circuit that closes after the repair")
        self.night.repair_seconds = time.monotonic() - repaired
        self.see_banner("normal")

    def morning(self) -> None:
        """All is well: every intent comes to its end."""
        self.all_end()
        accepted = [(wish.customer, wish.key) for wish in self.night.accepted]
        self.night.proven = proof.lines(self.platform.stack, accepted)

    def ask(self, count: int) -> list[Wish]:
        """So many requests: most by customers of their own, some by one who has asked before."""
        before = [self.night.customers[wish.customer] for wish in self.night.accepted[::4]]
        old = before[: count // 5]
        new, self.waiting = self.waiting[: count - len(old)], self.waiting[count - len(old) :]
        for customer in new[::10]:
            self.platform.put("entitlements", **held_by_another(Wish(customer=customer.sub)))
        methods = (MIXED * (count // len(MIXED) + 1))[:count]
        asked = subscribe(zip([*new, *old], methods, strict=True))
        self.night.accepted += asked
        return asked

    def see_banner(self, state: str, seconds: float = 90) -> None:
        """Wait until readers see it."""
        until(lambda: http.processing_status(self.platform.stack)["state"] == state, seconds, f"the banner {state}")
        self.night.banners.append(state)

    def all_end(self) -> None:
        """Wait until every accepted intent has ended."""
        open_still = list(self.night.accepted)

        def ended() -> bool:
            open_still[:] = [wish for wish in open_still if self.platform.status(wish) not in TERMINAL]
            return not open_still

        # Longer than a lease of the breaker's record: a tick that this busy machine cut off is waited for, too.
        until(ended, 600, "the end of every intent", every=1.0)


def test_every_accepted_intent_came_to_its_end(platform: Platform, night: Night) -> None:
    def said(wish: Wish) -> str:
        return night.customers[wish.customer].status(wish.key)

    assert 200 <= len(night.accepted) <= 300
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = Counter(pool.map(said, night.accepted))
    assert set(statuses) <= TERMINAL, statuses
    assert sum(statuses.values()) == len(night.accepted)
    assert all(statuses[status] for status in TERMINAL), f"the night had all kinds of ends: {statuses}"


def test_nobody_was_charged_twice(platform: Platform, night: Night) -> None:
    captures = Counter(entry["intent"].partition("#")[0] for entry in platform.journal()["captures"])
    charged = {wish.id: captures[wish.id] for wish in night.accepted}
    assert max(charged.values()) == 1, [intent for intent, count in charged.items() if count > 1]


def test_every_capture_was_followed_by_content_refund_or_case(night: Night) -> None:
    assert [line for line in night.proven if line.broken] == []
    for line in night.proven:
        if line.captured:
            assert (line.status == "active" and line.entitled) or line.refunded == 1 or line.case, line
    assert any(line.refunded for line in night.proven)


def test_the_alarm_opened_the_circuit(breaker: Breaker, night: Night) -> None:
    assert (night.opened["state"], night.opened["by"]) == ("open", "alarm")
    assert night.opened["stopMark"] is True
    assert any(one["status"] == "SUCCEEDED" for one in breaker.opener.executions())


def test_readers_saw_the_banner_and_saw_it_go(night: Night) -> None:
    assert night.banners == ["normal", "delayed", "normal", "delayed", "normal"]


def test_the_ledger_said_accepted_while_the_circuit_was_open(night: Night) -> None:
    # All but the few that a probe was trying just then.
    assert night.recorded_while_open["accepted"] >= 40
    assert set(night.recorded_while_open) <= {"accepted", "processing", "retrying"}


def test_once_the_pipe_had_settled_only_probes_started_executions(night: Night) -> None:
    assert night.started_while_open, "probes tried"
    assert [name for name in night.started_while_open if not name.startswith("probe-")] == []


def test_probes_grew_their_interval(night: Night) -> None:
    assert night.waits == sorted(night.waits)
    assert night.waits[-1] >= 2 * night.waits[0]


def test_the_outages_burned_no_attempt_and_parked_nothing(platform: Platform, night: Night) -> None:
    rows = [platform.row(wish) for wish in night.accepted]
    assert {row["faults"] for row in rows} == {0}
    assert any(row["attempt"] > 1 for row in rows)


def test_the_next_outage_opened_it_again(night: Night) -> None:
    assert (night.opened_again["state"], night.opened_again["by"]) == ("open", "alarm")


def test_the_circuit_closed_soon_after_the_repair(night: Night) -> None:
    assert night.repair_seconds <= PROBE_MAX_SECONDS + SETTLE_SECONDS + 5
