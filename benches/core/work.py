"""What is measured: a work, who does it, and how."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class Contender(ABC):
    """One way to do a work, made from the folder of its input. Peers are made alike (`benches/peers`)."""

    units: int

    @abstractmethod
    def round_ns(self) -> int:
        """Do the whole work once; the thread's CPU time of it, without preparation."""

    @abstractmethod
    def state(self) -> list[int]:
        """What came out, for all to agree on. Untimed."""


class UnavailableError(Exception):
    """Ours is not built yet, a peer is not installed, or there is no input; the row says so."""


@dataclass(frozen=True)
class Work:
    """One row of the table; `peers` are `module:Class` in `benches/peers` by the name in the table."""

    name: str
    title: str
    unit: str
    reach_ns: float
    prepare: Callable[[Path], None]
    ours: Callable[[Path], Contender]
    truth: Callable[[Path], list[int]]
    """The state that everybody has to reach, found plainly."""
    peers: dict[str, str]
