"""Data to begin with: two confirmed customers and a contributor, who sign in with e-mail address and password."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from machine import deploy

EMAILS = ("ada@example.org", "grace@example.org")
CONTRIBUTORS = ("marie@example.org",)
"""Who writes articles: the group of this name."""

PASSWORD = "Local-Only-Passw0rd"
"""Of every seeded customer. They exist on this machine alone."""


@dataclass(frozen=True)
class Customer:
    """A customer as `stack.json` shows it; `sub` is the id that tables and tokens carry."""

    email: str
    password: str
    sub: str


def customers(
    endpoint: str, pool: str, emails: Sequence[str] = EMAILS, group: str | None = None
) -> list[dict[str, str]]:
    """Create customers in the user pool, confirmed and with a password; in a group, if one is named."""
    client = deploy.session().client("cognito-idp", endpoint_url=endpoint)
    seeded = []
    for email in emails:
        user = client.admin_create_user(
            UserPoolId=pool,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
        )["User"]
        client.admin_set_user_password(UserPoolId=pool, Username=email, Password=PASSWORD, Permanent=True)
        if group:
            client.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=group)
        sub = next(attribute["Value"] for attribute in user["Attributes"] if attribute["Name"] == "sub")
        seeded.append(asdict(Customer(email, PASSWORD, sub)))
    return seeded
