"""Thespian's UDP system base with another bind address: 127.0.0.1. It is measured, and used for nothing.

As shipped it listens on every interface and unpickles what arrives there. UDP loses what its receiver is too
slow for, in silence: a trading system cannot run on it.
"""

import sys
from typing import Any, Final

from thespian.system.multiprocCommon import multiprocessCommon
from thespian.system.transport.UDPTransport import UDPTransport

import openoutcry.actors.transport.tcp  # noqa: F401  confines every socket with an IP address

SYSTEM_BASE: Final = "multiprocConfinedUDPBase"


class ConfinedUDPTransport(UDPTransport):  # type: ignore[misc]  # Thespian has no types
    """Thespian's UDP transport. Importing its module is what confines it."""


class ActorSystemBase(multiprocessCommon):  # type: ignore[misc]  # Thespian has no types
    """Found by the name of the base like Thespian's own."""

    transportType = ConfinedUDPTransport  # noqa: N815  Thespian's name

    def __init__(self, system: Any, logDefs: Any = None) -> None:  # noqa: N803  Thespian's signature
        system.capabilities["Thespian ActorSystem Name"] = SYSTEM_BASE
        system.capabilities["Thespian ActorSystem Version"] = 1
        super().__init__(system, logDefs)


# Thespian imports `thespian.system.<name>`; this is that module.
sys.modules[f"thespian.system.{SYSTEM_BASE}"] = sys.modules[__name__]
