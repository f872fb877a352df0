"""What the checks of a strategy or classifier found."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec


class Verdict(msgspec.Struct, frozen=True):
    """The outcome of one check on `cases` cases: where it is first broken (`row` counts from 0), what to do.

    A check that is in order may have a detail too: then it is worth knowing.
    """

    name: str
    ok: bool
    cases: int = 0
    row: int | None = None
    at_ns: int | None = None
    detail: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        where = "" if self.row is None else f"row {self.row}: "
        told = f": {where}{self.detail}" if self.detail else f", {self.cases} cases"
        return f"{self.name} {'in order' if self.ok else 'BROKEN'}{told}" + (
            f"; {self.remedy}" if self.remedy else ""
        )


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one strategy or classifier. `invented` is what it needs and the data do not have."""

    subject: str
    kind: Literal["strategy", "classifier"]
    parameters: Mapping[str, Any]
    candles: int
    rows: int
    invented: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """What is."""
        return tuple(verdict for verdict in self.verdicts if not verdict.ok)

    def __str__(self) -> str:
        return "\n".join(map(str, self.verdicts))
