"""`python -m machine up | down | run`: see `make` for what each does."""

import argparse
import os
import sys
import time

import tour
from machine import cloud, interrupts, platform, settings
from machine.failure import Failure
from machine.processes import Processes
from machine.progress import say


def main() -> int:
    """Run one command; the answer is the exit code."""
    commands = {"up": up, "down": down, "run": run}
    parser = argparse.ArgumentParser(prog="machine", description=__doc__)
    parser.add_argument("command", choices=commands)
    command = parser.parse_args().command
    cloud.without_proxies()
    interrupts.listen()
    try:
        return commands[command]()
    except Failure as failure:
        print(failure, file=sys.stderr, flush=True)
        return 1
    except interrupts.Ended as ended:
        say("\nended; nothing is left running")
        return ended.status


def up() -> int:
    """Start the platform and leave it running."""
    began = time.monotonic()
    with platform.running() as (processes, stack):
        processes.keep()
    platform.print_addresses(stack)
    say(f"  up after {time.monotonic() - began:.0f} s; `make down` ends it")
    return 0


def down() -> int:
    """End what `up`, or a run that was killed, left behind."""
    with Processes(settings.STATE) as processes:
        if not platform.stop_former(processes):
            say("  nothing was running")
    return 0


def run() -> int:
    """Start the platform, tell the stories, and stay up until somebody ends it (`TOUR=only`: end after them)."""
    with platform.running() as (processes, stack):
        kept = tour.tell(stack)
        if os.environ.get("TOUR") == "only":
            return 0 if kept else 1
        platform.print_addresses(stack)
        say("  up until Ctrl-C")
        while True:
            processes.check()
            time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
