"""Whether a contract's funding is known for the time that was traded, and what is said where it is not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from openoutcry.backtesting.history.candles import Funding
from openoutcry.backtesting.result import DatasetRecord, Finding, Integers
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_S

NOT_COVERED: Final = "funding_cover"  # the kind of a finding
USUAL_NS: Final = 8 * 3_600 * NS_PER_S  # between settlements, where the rates do not tell
USUAL_QUANTILE: Final = 0.9  # an interval that a tenth of the settlements have is no hole
NEARLY_ALL_PERMILLE: Final = 990  # more of the time than that is worth no warning
HOLE: Final = 1.5  # usual intervals without a settlement


def unfunded(instruments: Iterable[Instrument], datasets: Sequence[DatasetRecord]) -> tuple[str, ...]:
    """The contracts that pay no funding, for want of rates."""
    paying = {each.symbol for each in datasets if each.kind == "funding"}
    return tuple(each.symbol for each in instruments if each.is_contract and each.symbol not in paying)


def with_cover(
    records: Iterable[DatasetRecord], funding: Mapping[str, Funding], times_ns: Integers
) -> Iterator[DatasetRecord]:
    """The same records; that of a funding says how much of the traded time its rates leave out."""
    for record in records:
        paid = funding.get(record.symbol) if record.kind == "funding" else None
        found = None if paid is None else uncovered(paid, record.symbol, int(times_ns[0]), int(times_ns[-1]))
        yield record if found is None else msgspec.structs.replace(record, findings=(*record.findings, found))


def uncovered(funding: Funding, symbol: str, first_ns: int, last_ns: int) -> Finding | None:
    """Says if a part of the time has no rates: after the usual interval a settlement should have come.

    Less than half an interval is none; less than a hundredth of the time is no warning.
    """
    times = funding.times_ns
    if not len(times):
        return _not_covered(symbol, 1, 0, 0)
    steps = np.diff(times)
    usual_ns = int(np.quantile(steps, USUAL_QUANTILE, method="higher")) if len(steps) else USUAL_NS
    holes = np.flatnonzero(steps > HOLE * usual_ns)
    begins = np.array([first_ns, *(times[holes] + usual_ns), times[-1] + usual_ns], np.int64)
    ends = np.array([times[0] - usual_ns, *times[holes + 1], last_ns], np.int64)
    missing = np.maximum(np.minimum(ends, last_ns) - np.maximum(begins, first_ns), 0)
    span_ns, missing_ns = last_ns - first_ns, int(missing.sum())
    if not missing_ns or missing_ns <= min(usual_ns, span_ns) // 2:
        return None
    rows = [0, *(holes + 1).tolist(), len(times) - 1]
    return _not_covered(
        symbol,
        int(np.count_nonzero(missing)),
        rows[int(np.argmax(missing > 0))],
        (span_ns - missing_ns) * 1_000 // span_ns,
    )


def _not_covered(symbol: str, holes: int, row: int, covered_permille: int) -> Finding:
    return Finding(
        severity="warning" if covered_permille < NEARLY_ALL_PERMILLE else "note",
        kind=NOT_COVERED,
        count=holes,
        row=row,
        detail=f"the funding rates of {symbol} cover {covered_permille / 10:.1f} % of the time traded",
        remedy="nothing is paid in the rest; give --funding of the whole time",
    )


def funding_sentences(
    instruments: Iterable[Instrument], datasets: Sequence[DatasetRecord], paid: str
) -> Iterator[str]:
    """What is assumed of funding, in words; `paid` says how it is, where there are rates."""
    if any(each.kind == "funding" for each in datasets):
        yield paid
    for symbol in unfunded(instruments, datasets):
        yield f"no funding is paid on {symbol}"
    for each in datasets:
        if any(finding.kind == NOT_COVERED for finding in each.findings):
            yield f"no funding is paid on {each.symbol} where {each.name} has no rates"
