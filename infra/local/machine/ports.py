"""Ports on loopback."""

import socket

from machine.failure import Failure

HOST = "127.0.0.1"


def free() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def claim(variable: str, port: int) -> int:
    """`port` if it can be had, any free one for 0; a busy port is one sentence that names the variable."""
    if port == 0:
        return free()
    with socket.socket() as probe:
        # As servers do: a connection of a former run in TIME_WAIT is no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise Failure(
                f"Port {port} is busy ({variable}={port}): stop what listens there, choose another port, "
                f"or leave {variable} out for a free one."
            ) from None
    return port
