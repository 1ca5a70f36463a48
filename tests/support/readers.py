"""Customers of the platform as its HTTP API knows them: signed in, with a token of their own."""

import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from machine import seed
from machine.client import Customer
from support.intents import Wish
from support.platform import Platform

AT_ONCE = 8


def readers(platform: Platform, count: int) -> list[Customer]:
    """New customers, signed in."""

    def one(email: str) -> Customer:
        [seeded] = seed.customers(platform.stack["endpoint"], platform.stack["userPool"]["id"], [email])
        return Customer.sign_in(platform.stack, **seeded)

    emails = [f"{uuid.uuid4().hex[:12]}@example.org" for _ in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, emails))


def subscribe(orders: Iterable[tuple[Customer, str]]) -> list[Wish]:
    """Each customer asks with the payment method; every request is accepted. What was accepted, in order."""

    def one(order: tuple[Customer, str]) -> Wish:
        customer, method = order
        return Wish(method, customer.sub, customer.subscribe(method))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, orders))
