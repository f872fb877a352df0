"""Ports for this run's own servers, which must still be free a moment after they were chosen."""

import secrets
import socket
from typing import Final

FIRST_PORT: Final = 20_000
# Below the ports that Linux gives to sockets that ask for any: one of those may be taken by our own next
# connection, before the server that it was chosen for listens.
LAST_PORT: Final = 32_000
ATTEMPTS_MAX: Final = 100


def free_port(host: str) -> int:
    """A port of `host` on which nobody listens.

    Raises:
        OSError: the host is not ours, or no port was free in many attempts.
    """
    for attempt in range(ATTEMPTS_MAX):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                if attempt == ATTEMPTS_MAX - 1:
                    raise
                continue
        return port
    raise AssertionError("the last attempt returned or raised")
