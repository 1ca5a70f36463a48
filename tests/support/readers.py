"""Customers of the platform as its HTTP API knows them: signed in, with a token of their own."""

import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from machine import seed
from machine.client import Customer
from support.intents import Wish
from support.platform import Platform

AT_ONCE = 8


def readers(platform: Platform, count: int, group: str | None = None) -> list[Customer]:
    """New customers, signed in; all of them in a group, if one is named."""
    cognito, pool = platform.aws("cognito-idp"), platform.stack["userPool"]

    def one(email: str) -> Customer:
        user = cognito.admin_create_user(UserPoolId=pool["id"], Username=email, MessageAction="SUPPRESS")["User"]
        cognito.admin_set_user_password(UserPoolId=pool["id"], Username=email, Password=seed.PASSWORD, Permanent=True)
        if group:
            cognito.admin_add_user_to_group(UserPoolId=pool["id"], Username=email, GroupName=group)
        tokens = cognito.initiate_auth(
            ClientId=pool["clientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": seed.PASSWORD},
        )["AuthenticationResult"]
        [sub] = (attribute["Value"] for attribute in user["Attributes"] if attribute["Name"] == "sub")
        return Customer(platform.stack["api"], email, sub, tokens["AccessToken"])

    emails = [f"{uuid.uuid4().hex[:12]}@example.org" for _ in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool_of_threads:
        return list(pool_of_threads.map(one, emails))


def subscribe(orders: Iterable[tuple[Customer, str]]) -> list[Wish]:
    """Each customer asks with the payment method; every request is accepted. What was accepted, in order."""

    def one(order: tuple[Customer, str]) -> Wish:
        customer, method = order
        return Wish(method, customer.sub, customer.subscribe(method))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, orders))
