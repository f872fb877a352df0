"""Returns by month of the UTC calendar."""

from datetime import UTC, datetime
from html import escape
from typing import Final

import numpy as np

from openoutcry.backtesting.report.wording import percent
from openoutcry.backtesting.result import Curve
from openoutcry.domain.units import NS_PER_S

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FULL_HEAT: Final = 0.10  # a month's return that has the full colour
MONTHS_A_YEAR: Final = 12


def monthly_returns(curve: Curve, opening_atoms: int) -> dict[tuple[int, int], float]:
    """The return of each (year, month): from the last equity before the month to its last.

    A moment at midnight of the first belongs to the month that it ends, as a candle's close does. Months
    without a moment have no return. After a ruin (equity of 0 or less) returns are 0.
    """
    if not len(curve):
        return {}
    stamps = (curve.times_ns - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    lasts = np.append(np.flatnonzero(np.diff(stamps)), len(stamps) - 1)
    before = opening_atoms
    returns = {}
    for row in lasts.tolist():
        equity = int(curve.equity_atoms[row])
        year, month = divmod(int(stamps[row]), MONTHS_A_YEAR)
        returns[1970 + year, month + 1] = equity / before - 1.0 if before > 0 else 0.0
        before = equity
    return returns


def monthly_table(curve: Curve, opening_atoms: int) -> str:
    """Years by months, coloured by return, with the year's own at the end; as HTML."""
    returns = monthly_returns(curve, opening_atoms)
    head = "".join(f'<th scope="col">{month}</th>' for month in MONTHS)
    rows = []
    for year in sorted({year for year, _ in returns}):
        cells = [_cell(returns.get((year, month + 1)), f"{MONTHS[month]} {year}") for month in range(12)]
        whole = float(np.prod([1.0 + value for (of, _), value in returns.items() if of == year])) - 1.0
        rows.append(
            f'<tr><th scope="row">{year}</th>{"".join(cells)}{_cell(whole, str(year), is_total=True)}</tr>'
        )
    begun, ended = (
        f"{datetime.fromtimestamp(at_ns / NS_PER_S, tz=UTC):%-d %B %Y}"
        for at_ns in (int(curve.times_ns[0]), int(curve.times_ns[-1]))
    )
    note = f"The first and the last month may be parts: from {begun} to {ended} (UTC)."
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Monthly returns">'
        '<table class="months"><caption class="unseen">Return of each month, in percent</caption>'
        '<thead><tr><th scope="col">Year</th>'
        f'{head}<th scope="col">Year</th></tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div><p class="note">{escape(note)}</p>'
    )


def _cell(value: float | None, what: str, *, is_total: bool = False) -> str:
    if value is None:
        return '<td class="none"></td>'
    heat = min(abs(value) / FULL_HEAT, 1.0)
    kind = "gain" if value > 0 else "loss" if value < 0 else "even"
    total = " total" if is_total else ""
    text = percent(value, signed=True).removesuffix(" %")
    return f'<td class="{kind}{total}" style="--heat:{heat:.2f}" title="{what}: {text} %">{text}</td>'
