"""Which findings of a whole file lie in the part of it that is traded."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.history.quality import check_candles
from openoutcry.backtesting.result import Finding

# What a part of the candles says again; a candle that came twice, say, was dropped.
CHECKED_AGAIN: Final = frozenset({"gap", "time_zone", "misaligned", "jump", "volume_scale", "zero_volume"})


def findings_within(findings: Sequence[Finding], part: CandleSeries, start: int) -> tuple[Finding, ...]:
    """The findings of candles that lie in a part of them, which begins with row `start`; rows are the file's.

    What cannot be placed is kept, and says so.
    """
    if all(finding.severity == "note" for finding in findings):
        return tuple(findings)
    return tuple(_within(findings, part, start))


def of_the_whole(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings of data of which only a part is traded, where it is not known in which part they lie."""
    return tuple(
        finding
        if finding.severity == "note"
        else msgspec.structs.replace(finding, detail=f"somewhere in the whole data: {finding.detail}")
        for finding in findings
    )


def _within(findings: Sequence[Finding], part: CandleSeries, start: int) -> Iterator[Finding]:
    again = {finding.kind: finding for finding in check_candles(part)}
    for finding in findings:
        if finding.kind not in CHECKED_AGAIN:
            yield from of_the_whole([finding])
        elif finding.kind in again:
            found = again[finding.kind]
            yield msgspec.structs.replace(found, row=found.row + start)
