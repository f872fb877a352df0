"""Thespian's TCP system base, bound to loopback.

Stock `multiprocTCPBase` listens on every interface and unpickles whatever arrives there, whatever its
settings say. Here every socket of the actor system binds 127.0.0.1: nobody off this host can reach it.
"""

import os
import sys
from typing import Any, Final

from thespian.system.multiprocCommon import multiprocessCommon
from thespian.system.transport import IPBase
from thespian.system.transport.TCPTransport import TCPTransport

import openoutcry.actors.process_logging  # noqa: F401  before Thespian takes the loggers of this process

SYSTEM_BASE: Final = "multiprocLoopbackBase"
LOOPBACK_HOST: Final = "127.0.0.1"

# Addresses are resolved through this variable in every process of the system, children included.
os.environ["THESPIAN_BASE_IPADDR"] = LOOPBACK_HOST


def _loopback_bind_args(address: Any) -> tuple[tuple[str, int]]:
    return ((LOOPBACK_HOST, address.bindname[1]),)


# The transport reads the bind address from here in each process that unpickles the class below.
IPBase.IPActorAddress.bindArgs = property(_loopback_bind_args)


class LoopbackTransport(TCPTransport):  # type: ignore[misc]  # Thespian has no types
    """Thespian's TCP transport. Importing its module is what confines it to loopback."""


class ActorSystemBase(multiprocessCommon):  # type: ignore[misc]  # Thespian has no types
    """The system base `multiprocLoopbackBase`, found by that name like Thespian's own."""

    transportType = LoopbackTransport  # noqa: N815  Thespian's name

    def __init__(self, system: Any, logDefs: Any = None) -> None:  # noqa: N803  Thespian's signature
        system.capabilities["Thespian ActorSystem Name"] = SYSTEM_BASE
        system.capabilities["Thespian ActorSystem Version"] = 1
        system.capabilities["Thespian Watch Supported"] = True
        super().__init__(system, logDefs)


# Thespian imports `thespian.system.<name>`; this is that module.
sys.modules[f"thespian.system.{SYSTEM_BASE}"] = sys.modules[__name__]
