"""Thespian's TCP system base, bound to one address.

Stock `multiprocTCPBase` listens on every interface and unpickles whatever arrives there, whatever its
settings say. Here every socket of the actor system binds the one address that the settings give (127.0.0.1
by default), and a connection from outside the trusted network is closed before a byte of it is read.
"""

import errno
import ipaddress
import logging
import os
import socket
import sys
from typing import Any, Final

from thespian.system.admin.convention import CONVENTION_REREGISTRATION_PERIOD
from thespian.system.messages.convention import CONV_ADDR_IPV4_CAPABILITY, ConventionRegister
from thespian.system.multiprocCommon import multiprocessCommon
from thespian.system.timing import ExpirationTimer
from thespian.system.transport import IPBase
from thespian.system.transport.TCPTransport import (
    ExternalTransportCopy,
    RoutedTCPv4ActorAddress,
    TCPTransport,
)
from thespian.system.utilis import thesplog

import openoutcry.actors.process_logging  # noqa: F401  before Thespian takes the loggers of this process
from openoutcry.actors.hosts import HOST_CAPABILITY
from openoutcry.assembly.transport_settings import LOOPBACK_ADDRESS, LOOPBACK_NETWORK, TransportSettings

SYSTEM_BASE: Final = "multiprocConfinedTCPBase"
LOOPBACK_HOST: Final = LOOPBACK_ADDRESS
REFUSED: Final = "Refused connections"  # in the status that Thespian reports of a process

# So many messages without an answer, and a process sends nothing more to anybody. Thespian has 20, which one
# host out of reach uses up at once; credit bounds what is under way to a few windows of 256.
UNANSWERED_MAX: Final = 2_000

# The settings reach the other processes of the system as variables that those inherit.
_BIND_ADDRESS: Final = "OPENOUTCRY_BIND_ADDRESS"
_TRUSTED_NETWORK: Final = "OPENOUTCRY_TRUSTED_NETWORK"


def confine(transport: TransportSettings) -> None:
    """Confine this process, and those that it starts from now on, to the settings' address and network."""
    os.environ[_BIND_ADDRESS] = transport.host_address
    os.environ[_TRUSTED_NETWORK] = transport.peers
    period = "{:.0f}:{:02.0f}".format(*divmod(transport.registration_period_s, 60))
    os.environ["CONVENTION_REREGISTRATION_PERIOD"] = os.environ["CONVENTION_RESTART_PERIOD"] = period
    os.environ["CONVENTION_REGISTRATION_MISS_MAX"] = str(transport.missed_registrations_max)
    if transport.convention_address:
        os.environ["THESPIAN_MAX_PENDING_TRANSMITS"] = str(UNANSWERED_MAX)
    _name_this_host()


def convention_capabilities(transport: TransportSettings, host: str = "") -> dict[str, Any]:
    """What Thespian must be told for this host to lead or to join the settings' convention, called `host`."""
    if not transport.convention_address:
        return {}
    port = transport.convention[1]
    capabilities = {CONV_ADDR_IPV4_CAPABILITY: transport.convention_address, "Admin Port": port}
    return {**capabilities, HOST_CAPABILITY: host} if host else capabilities


def _name_this_host() -> None:
    """Thespian derives the addresses of actors from this variable, and what is local from this table."""
    address = os.environ.get(_BIND_ADDRESS, LOOPBACK_HOST)
    os.environ["THESPIAN_BASE_IPADDR"] = address
    IPBase.thisSystem.add_local_addr(address)


def _bind_args(address: Any) -> tuple[tuple[str, int]]:
    return ((os.environ.get(_BIND_ADDRESS, LOOPBACK_HOST), address.bindname[1]),)


# The transport reads the bind address from here in each process that unpickles the class below.
IPBase.IPActorAddress.bindArgs = property(_bind_args)
_name_this_host()


class ConfinedTransport(TCPTransport):  # type: ignore[misc]  # Thespian has no types
    """Thespian's TCP transport, which takes connections of the trusted network only."""

    def __init__(self, *arguments: Any) -> None:
        self._trusted = ipaddress.IPv4Network(os.environ.get(_TRUSTED_NETWORK, LOOPBACK_NETWORK))
        self._refused = 0
        super().__init__(*arguments)

    def external_transport_clone(self) -> Any:
        """Thespian's own would be of its own class, which takes everybody's."""
        is_routed = isinstance(self.myAddress.addressDetails, RoutedTCPv4ActorAddress)
        return ConfinedTransport(ExternalTransportCopy(), self._adminAddr, self.txOnly, is_routed)

    def scheduleTransmit(self, manager: Any, intent: Any, has_exclusive_flag: bool = False) -> None:  # noqa: N802, FBT001, FBT002  Thespian's signature
        """Let a registration last no longer than its period.

        Over a link that was cut they would pile up for five minutes, and only one that failed tells a member
        that its leader is gone.
        """
        if isinstance(intent.message, ConventionRegister):
            intent._quitTime = ExpirationTimer(CONVENTION_REREGISTRATION_PERIOD)  # noqa: SLF001  no public way
        super().scheduleTransmit(manager, intent, has_exclusive_flag)

    def _acceptNewIncoming(self) -> None:  # noqa: N802  Thespian's name
        known = list(self._incomingSockets.values())
        super()._acceptNewIncoming()  # reads nothing yet
        for number, incoming in list(self._incomingSockets.items()):
            if incoming not in known and not self._is_trusted(incoming.socket):
                del self._incomingSockets[number]
                incoming.close()

    def _is_trusted(self, connection: socket.socket) -> bool:
        try:
            address = connection.getpeername()[0]
        except OSError:  # it has gone already
            return False
        if ipaddress.IPv4Address(address) in self._trusted:
            return True
        self._refused += 1
        thesplog(
            "closed a connection from %s unread, number %s: it is outside of the trusted network %s",
            address,
            self._refused,
            self._trusted,
            level=logging.WARNING,
        )
        return False

    def _updateStatusResponse(self, response: Any) -> None:  # noqa: N802  Thespian's name
        super()._updateStatusResponse(response)
        response.addKeyVal(REFUSED, self._refused)


class ActorSystemBase(multiprocessCommon):  # type: ignore[misc]  # Thespian has no types
    """The system base `multiprocConfinedTCPBase`, found by that name like Thespian's own."""

    transportType = ConfinedTransport  # noqa: N815  Thespian's name

    def __init__(self, system: Any, logDefs: Any = None) -> None:  # noqa: N803  Thespian's signature
        system.capabilities["Thespian ActorSystem Name"] = SYSTEM_BASE
        system.capabilities["Thespian ActorSystem Version"] = 1
        system.capabilities["Thespian Watch Supported"] = True
        admin = ConfinedTransport.getAdminAddr(system.capabilities)
        if ConfinedTransport.probeAdmin(admin):  # Thespian would trust whoever listens there
            raise OSError(errno.EADDRINUSE, f"another process listens at {admin.addressDetails.sockname}")
        super().__init__(system, logDefs)


# Thespian imports `thespian.system.<name>`; this is that module.
sys.modules[f"thespian.system.{SYSTEM_BASE}"] = sys.modules[__name__]
