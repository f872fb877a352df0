"""Which Thespian system base carries the messages, as the settings say."""

import os
from pathlib import Path
from typing import Any, Protocol

from openoutcry.actors.ports import free_port
from openoutcry.actors.transport import address, tcp, unix
from openoutcry.assembly.transport_settings import TransportSettings
from openoutcry.domain.errors import ConfigurationError


class Base(Protocol):
    """A system base, for one actor system."""

    name: str

    def capabilities(self) -> dict[str, Any]:
        """What Thespian is told."""

    def leave(self) -> None:
        """This process is done with the system, in whatever way that ended."""

    def has_ended(self) -> bool:
        """Whether no process of the system is left; if so nothing of it is."""

    def pids(self) -> list[int]:
        """Processes that are left, as far as can be known."""


class UnixBase:
    """Our own: Unix sockets in a folder of the run's name."""

    name = unix.SYSTEM_BASE

    def __init__(self, run_id: str) -> None:
        address.sweep()
        self._folder = address.socket_root() / run_id

    def capabilities(self) -> dict[str, Any]:
        """The folder is all it needs."""
        return {address.SOCKET_DIR: str(self._folder)}

    def leave(self) -> None:
        """Thespian keeps its transport open when it could not reach the admin."""
        for transport in list(unix.UnixTransport.living):
            transport.close()

    def has_ended(self) -> bool:
        """Every process holds a lock in the folder while it lives."""
        return address.remove_folder(self._folder)

    def pids(self) -> list[int]:
        """A socket is named after its process."""
        names = [path.name.partition("-")[0] for path in Path(self._folder).glob("*-*")]
        return [int(name) for name in names if name.isdigit() and int(name) != os.getpid()]


class TcpBase:
    """Thespian's TCP base, confined to one address."""

    name = tcp.SYSTEM_BASE

    def __init__(self, settings: TransportSettings) -> None:
        if settings.convention_address and not settings.is_leader:
            raise ConfigurationError(
                f"transport.convention_address {settings.convention_address} is led by another host, and the "
                f"leader trades (transport.bind_address here is {settings.bind_address}); run `openoutcry "
                "join` on this host, or give its own address"
            )
        self._settings = settings

    def capabilities(self) -> dict[str, Any]:
        """Fresh interpreters (this base would fork even with threads), and where the other hosts are."""
        tcp.confine(self._settings)
        port = free_port(self._settings.host_address)
        convention = tcp.convention_capabilities(self._settings)
        return {"Admin Port": port, "Process Startup Method": "spawn", **convention}

    def leave(self) -> None:
        """Thespian has closed what there was."""

    def has_ended(self) -> bool:
        """Thespian does not say."""
        return True

    def pids(self) -> list[int]:
        """Thespian does not say."""
        return []


def base_of(settings: TransportSettings, run_id: str) -> Base:
    """The base that the settings name."""
    return UnixBase(run_id) if settings.base == "unix" else TcpBase(settings)
