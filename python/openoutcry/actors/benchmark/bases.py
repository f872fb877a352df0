"""The system bases that are compared."""

import importlib
from typing import Final, NamedTuple

from openoutcry.domain.errors import InvalidInputError


class Base(NamedTuple):
    """A Thespian system base, registered by its module under the module's `SYSTEM_BASE`.

    A slow base gets a smaller share of the messages, so that a run stays short.
    """

    title: str
    module: str
    round_trips_share: float = 1.0
    messages_share: float = 1.0

    @property
    def system_base(self) -> str:
        """The name by which Thespian finds it."""
        name = importlib.import_module(self.module).SYSTEM_BASE
        assert isinstance(name, str)
        return name


ROUND_TRIPS: Final = 5_000  # on a base with the whole share
MESSAGES: Final = 30_000

OURS: Final = "ours"
BASES: Final = {
    OURS: Base("ours", "openoutcry.actors.transport.unix"),
    # Thespian's own transport with another bind address: as shipped it listens on every interface and
    # unpickles what arrives there.
    "stock_tcp": Base("stock TCP", "openoutcry.actors.transport.tcp", 1 / 5, 1 / 15),
    "stock_udp": Base("stock UDP", "openoutcry.actors.benchmark.confined_udp", 1 / 2, 1 / 3),
}
BASES_MEASURED: Final = (OURS, "stock_tcp")


def base_of(key: str) -> Base:
    """A base by its key.

    Raises:
        InvalidInputError: there is none.
    """
    if key not in BASES:
        raise InvalidInputError(f"there is no base {key!r} to measure; choose of {', '.join(BASES)}")
    return BASES[key]
