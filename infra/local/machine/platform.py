"""The whole platform on this machine, in the order in which the parts need each other."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from machine import cloud, deploy, monolith, ports, seed, settings, stack_file, stand_ins
from machine.processes import Processes
from machine.progress import phase, say

FRONT_DOMAIN = "www.newscience.test"
"""The readers' host. The local cloud serves it at a port of its own, as no name points to this machine."""


@contextmanager
def running() -> Iterator[tuple[Processes, dict[str, Any]]]:
    """The platform and what `stack.json` says of it, until the block ends; longer, if the processes are kept."""
    wanted = settings.Ports.from_env()
    with Processes(settings.STATE) as processes:
        stop_former(processes)
        try:
            yield processes, start(processes, wanted)
        finally:
            if not processes.kept:
                settings.STACK_FILE.unlink(missing_ok=True)


def start(processes: Processes, wanted: settings.Ports) -> dict[str, Any]:
    """Start everything on a clean machine and write `stack.json`; the answer is its content."""
    for variable, port in (
        ("PORT", wanted.cloud),
        ("PAYMENT_PORT", wanted.payment),
        ("FRAUD_PORT", wanted.fraud),
        ("MONOLITH_PORT", wanted.monolith),
    ):
        # All of them first: better no start than one that ends halfway.
        ports.claim(variable, port)
    page_port = ports.claim("PAGE_PORT", wanted.page)
    front_port = ports.claim("FRONT_PORT", wanted.front)
    with phase("local cloud"):
        endpoint = cloud.start(processes, wanted.cloud, front_port)
    with phase("stand-ins: payment, fraud, loyalty, newsletter"):
        given = {"payment": wanted.payment, "fraud": wanted.fraud, "loyalty": 0, "newsletter": 0}
        providers = {name: stand_ins.start(processes, name, port) for name, port in given.items()}
    with phase("the monolith and its articles"):
        old = monolith.start(processes, wanted.monolith)
    with phase("sam deploy"):
        # The API must know the page's origin before the page can know the API's address.
        page = f"http://{ports.HOST}:{page_port}"
        addresses = {f"{name.capitalize()}BaseUrl": url for name, url in providers.items()}
        addresses |= {"MonolithUrl": old.url, "SiteOrigin": page}
        outputs = deploy.deploy(endpoint, addresses | {"FeedToken": old.token, "FrontDomainName": FRONT_DOMAIN})
    stack = stack_file.describe(endpoint, outputs, providers)
    stack["front"] = f"http://{ports.HOST}:{front_port}"
    stack["standIns"]["monolith"] = {"url": old.url, "database": str(old.database), "tokenFile": str(old.token_file)}
    with phase("customers, a contributor"):
        pool = stack["userPool"]["id"]
        stack["customers"] = seed.customers(endpoint, pool)
        stack["contributors"] = seed.customers(endpoint, pool, seed.CONTRIBUTORS, "contributors")
    with phase("page"):
        stack["page"] = stand_ins.start(processes, "site", page_port, site_arguments(stack, outputs))
    stack_file.write(stack)
    processes.check()
    return stack


def site_arguments(stack: dict[str, Any], outputs: dict[str, str]) -> list[str]:
    """What the site must know of the platform to serve the subscribe page."""
    known = {
        "--api": stack["api"],
        "--cognito-endpoint": stack["endpoint"],
        "--client-id": stack["userPool"]["clientId"],
        "--price-minor": outputs["PremiumPriceMinor"],
        "--currency": outputs["PremiumCurrency"],
        "--term-days": outputs["PremiumTermDays"],
    }
    return [word for pair in known.items() for word in pair]


def stop_former(processes: Processes) -> bool:
    """End what an earlier run left, with everything that it had written; false when nothing ran."""
    ran = processes.stop_former()
    if ran:
        say("  ✓ ended the platform that was still running")
    settings.STACK_FILE.unlink(missing_ok=True)
    shutil.rmtree(settings.LOGS, ignore_errors=True)
    os.makedirs(settings.LOGS, exist_ok=True)
    return ran


def print_addresses(stack: dict[str, Any]) -> None:
    """What a person may want to open, or point a tool at."""
    say()
    say(f"  page        {stack['page']}")
    for customer in stack["customers"]:
        say(f"              sign in as {customer['email']} with {customer['password']}")
    say(f"  site        {stack['front']}  (monolith and services; /?dev=1 shows who answers)")
    for contributor in stack["contributors"]:
        say(f"              {contributor['email']} with {contributor['password']} writes articles")
    say(f"  API         {stack['api']}")
    say(f"  AWS         {stack['endpoint']}  (aws --endpoint-url …, region {stack['region']})")
    say(f"  payment     {stack['standIns']['payment']['url']}  (switch faults: PUT /admin/fault)")
    for name in ("fraud", "loyalty", "newsletter"):
        say(f"  {name:<11} {stack['standIns'][name]['url']}")
    say(f"  monolith    {stack['standIns']['monolith']['url']}")
    say(f"  tables      {', '.join(stack['tables'].values())}")
    say(f"  everything  {settings.STACK_FILE}")
    say(f"  logs        {settings.LOGS}")
    say()
