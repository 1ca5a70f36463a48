"""The story: a premium subscription survives the death of the payment provider.

Real requests against the running platform, step by step, and at the end the proof from the records.
"""

from collections import Counter
from typing import Any

from machine import client, deploy, proof, seed
from machine.client import Customer
from machine.progress import phase, say
from tour.waiting import until

READERS_BEFORE = 8
"""Customers who subscribe while the provider is down: enough failures for the alarm."""
READERS_WHILE_OPEN = 4
"""Customers who subscribe while the circuit is open."""


def tell(stack: dict[str, Any]) -> bool:
    """Tell the story; true when every promise was kept."""
    say()
    say("A subscription")
    accepted: list[tuple[Customer, str]] = []
    with phase("Ada signs in"):
        ada = Customer.sign_in(stack, **stack["customers"][0])
    with phase("Ada subscribes: 202"):
        accepted.append((ada, ada.subscribe()))
    with phase("her subscription becomes active") as note:
        until(lambda: _statuses(accepted) == {"active": 1}, lambda: _sentence(accepted), note)

    say()
    say("The payment provider dies")
    payment = stack["standIns"]["payment"]
    with phase("every call to it is answered 503"):
        client.set_fault(payment, "unavailable")
    with phase(f"{READERS_BEFORE + READERS_WHILE_OPEN} readers sign in"):
        readers = _readers(stack, READERS_BEFORE + READERS_WHILE_OPEN)
    with phase(f"{READERS_BEFORE} of them subscribe: 202, each"):
        accepted += [(reader, reader.subscribe()) for reader in readers[:READERS_BEFORE]]
    with phase("the alarm opens the circuit, the banner appears") as note:
        until(lambda: client.processing_status(stack)["state"] == "delayed", lambda: _sentence(accepted), note)
    say(f"    “{client.processing_status(stack)['message']}”")
    with phase("the pipe is stopped") as note:
        until(lambda: _pipe(stack) == "STOPPED", lambda: _pipe(stack), note)
    with phase(f"{READERS_WHILE_OPEN} more subscribe: 202, each, and all are in the ledger") as note:
        accepted += [(reader, reader.subscribe()) for reader in readers[READERS_BEFORE:]]
        until(lambda: not _statuses(accepted)["unrecorded"], lambda: _sentence(accepted), note)

    say()
    say("The payment provider comes back")
    with phase("it answers again"):
        client.set_fault(payment, "none")
    with phase("the probe notices and closes the circuit, the banner goes") as note:
        until(lambda: client.processing_status(stack)["state"] == "normal", lambda: _sentence(accepted), note)
    with phase("what had waited is worked off") as note:
        until(lambda: set(_statuses(accepted)) <= proof.TERMINAL, lambda: _sentence(accepted), note)
    return _prove(stack, accepted)


def _prove(stack: dict[str, Any], accepted: list[tuple[Customer, str]]) -> bool:
    """Print what ledger and provider say of every accepted intent; true when no promise is broken."""
    say()
    say("The proof, from the ledger and the provider's own journal")
    lines = proof.lines(stack, [(customer.sub, key) for customer, key in accepted])
    say(f"    {'customer':<24} {'intent':<12} {'ledger':<10} {'captures':>8} {'refunds':>8}  content")
    for (customer, _), line in zip(accepted, lines, strict=True):
        content = "yes" if line.entitled else "no"
        say(
            f"    {customer.email:<24} {line.intent[:10] + '…':<12} {line.status:<10} {line.captured:>8} "
            f"{line.refunded:>8}  {content}{'   ← ' + line.broken if line.broken else ''}"
        )
    ended = sum(line.status in proof.TERMINAL for line in lines)
    most = max(line.captured for line in lines)
    say(f"    accepted {len(lines)}, ended {ended}, lost {len(lines) - ended}; captures per intent at most {most}")
    kept = not any(line.broken for line in lines)
    say("  ✓ every promise was kept" if kept else "  ✗ A PROMISE WAS BROKEN")
    return kept


def _readers(stack: dict[str, Any], count: int) -> list[Customer]:
    emails = [f"reader-{number}@example.org" for number in range(1, count + 1)]
    seeded = seed.customers(stack["endpoint"], stack["userPool"]["id"], emails)
    return [Customer.sign_in(stack, **customer) for customer in seeded]


def _statuses(accepted: list[tuple[Customer, str]]) -> Counter[str]:
    return Counter(customer.status(key) for customer, key in accepted)


def _sentence(accepted: list[tuple[Customer, str]]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(_statuses(accepted).items()))


def _pipe(stack: dict[str, Any]) -> str:
    pipes = deploy.session().client("pipes", endpoint_url=stack["endpoint"])
    return pipes.describe_pipe(Name=stack["pipe"])["CurrentState"]
