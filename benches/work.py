"""What is measured: a work, who does it, and how."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


class Contender(ABC):
    """One way to do a work, made from the folder of its input. Peers are made alike (`benches/peers`)."""

    units: int
    remark = ""
    """What has to be said beside the figure; read after the rounds."""

    @abstractmethod
    def round(self) -> int:
        """Do the whole work once; what it took, without preparation: CPU time, or as the work says."""

    @abstractmethod
    def state(self) -> list[int]:
        """What came out, for all to agree on. Untimed."""


class UnavailableError(Exception):
    """Ours is not built yet, a peer is not installed, or there is no input; the row says so."""


@dataclass(frozen=True)
class Work:
    """One row of the table; `peers` by their names in it: `module:Class` in `benches/peers`, or a maker."""

    name: str
    title: str
    unit: str
    """Of what `reach` and the figures are; empty: of the whole."""
    reach: float | None
    prepare: Callable[[Path], None]
    ours: Callable[[Path], Contender]
    truth: Callable[[Path], list[int]] | None
    """The state that everybody has to reach, found plainly."""
    peers: Mapping[str, str | Callable[[Path], Contender]] = field(default_factory=dict)
    measure: Literal["ns", "bytes"] = "ns"
    rounds: int | None = None
    """At most so many, where one takes long or all are the same."""
