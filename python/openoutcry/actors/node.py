"""What another host runs so that actors of a trading system can be placed on it."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import psutil
import thespian.actors as thespian
from thespian.system.messages.status import Thespian_StatusReq, Thespian_SystemStatus

from openoutcry.actors.hosts import NODE_DIR_VARIABLE
from openoutcry.actors.system import SystemFailedError
from openoutcry.actors.transport.tcp import (
    SYSTEM_BASE,
    ConfinedTransport,
    confine,
    convention_capabilities,
)
from openoutcry.assembly.transport_settings import TransportSettings
from openoutcry.domain.errors import ConfigurationError

ANSWER_TIMEOUT_S: Final = 10.0
END_TIMEOUT_S: Final = 5.0
LOOK_INTERVAL_S: Final = 1.0
_LOG_TO_STDERR: Final = {
    "version": 1,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
}


class NodeState(msgspec.Struct, frozen=True):
    """Whether the trading host answers, and how many of its actors are here."""

    is_joined: bool
    actors: int


class Node:
    """This host's part of a convention. Use it as a context manager: it ends with no process left.

    It joins the trading host, again and again if the link is cut, and houses the actors that
    `transport.placement` puts on `host`. What they may write goes into `folder`.
    """

    def __init__(self, transport: TransportSettings, host: str, folder: Path) -> None:
        """Refuses, with a ConfigurationError, settings without a convention, or those of its leader."""
        if not transport.convention_address:
            raise ConfigurationError(
                "transport.convention_address is not given, so there is nothing to join; "
                "give the trading host's address and port, as '10.66.0.1:7800'"
            )
        if transport.is_leader:
            raise ConfigurationError(
                f"transport.bind_address {transport.bind_address} is the convention's own: this host "
                "leads it; join from another one, whose bind_address is its own"
            )
        self._transport = transport
        self._folder = folder
        self._capabilities = {
            **convention_capabilities(transport, host),
            "Process Startup Method": "spawn",  # forking a process that has threads may deadlock the child
        }
        self._system: Any = None
        self._admin: Any = None
        self._admin_process: psutil.Process | None = None

    def __enter__(self) -> Self:
        confine(self._transport)
        os.environ[NODE_DIR_VARIABLE] = str(self._folder)
        os.environ.setdefault("THESPLOG_FILE", str(self._folder / "thespian.log"))
        address, port = self._transport.host_address, self._capabilities["Admin Port"]
        try:
            self._system = thespian.ActorSystem(SYSTEM_BASE, self._capabilities, logDefs=_LOG_TO_STDERR)
        except (OSError, thespian.InvalidActorAddress) as error:
            raise SystemFailedError(
                f"no actor system can be started at {address}:{port} ({error}); is the tunnel up, the "
                "address this host's own, and the port free?"
            ) from error
        self._admin = ConfinedTransport.getAdminAddr(self._capabilities)
        self._admin_process = _listener(address, port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        family = []
        if self._admin_process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                family = [*self._admin_process.children(recursive=True), self._admin_process]
        with contextlib.suppress(Exception):  # nothing more can be done, and the first error counts
            self._system.shutdown()
        _, left = psutil.wait_procs(family, END_TIMEOUT_S)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, END_TIMEOUT_S)

    def serve(self, ended: threading.Event, tell: Callable[[NodeState], None]) -> None:
        """House actors until `ended`, and tell each change of state.

        When the trading host is out of reach, its actors here are ended: it counts them as dead, and places
        new ones once the link is back.

        Raises:
            SystemFailedError: this host's own actor system does not answer; start anew.
        """
        told = None
        while not ended.is_set():
            status = self._status()
            state = NodeState(bool(status.conventionAttendees), len(status.childActors))
            if state != told:
                tell(state)
                told = state
            if not state.is_joined:
                for orphan in status.childActors:
                    self._system.tell(orphan, thespian.ActorExitRequest())
            ended.wait(LOOK_INTERVAL_S)

    def _status(self) -> Any:
        status = self._system.ask(self._admin, Thespian_StatusReq(), ANSWER_TIMEOUT_S)
        if not isinstance(status, Thespian_SystemStatus):
            raise SystemFailedError(
                f"the node's actor system did not answer in {ANSWER_TIMEOUT_S:.0f} s; end it and join again"
            )
        return status


def _listener(address: str, port: int) -> psutil.Process | None:
    """Thespian's administrator: it is no child of ours, and nobody tells its process id."""
    for connection in psutil.net_connections("tcp4"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr == (address, port) and connection.pid:
            return psutil.Process(connection.pid)
    return None
