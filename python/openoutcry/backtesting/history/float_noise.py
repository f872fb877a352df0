"""Noise of floating point in decimal text: 135.32076000000001 where 135.32076 was meant.

A double prints a decimal of at most 15 digits again as it was; the result of arithmetic is off by a few last
places, and prints 15 to 17 digits.
"""

import math
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Final, NamedTuple

from openoutcry.backtesting.history import exact

if TYPE_CHECKING:
    import polars as pl

QUIET_DIGITS: Final = 14  # NOISE_ULPS always show beyond these
NOISE_ULPS: Final = 8  # a few roundings; what is further from the grid is no noise
PRECISION_DIGITS: Final = 100  # of what is reckoned with here: a double's own digits, all of them
MAX_CHARS: Final = 50  # of a number that a double may have been
LEAST_SHARE: Final = 0.5  # of the long numbers that lie on the grid; with fewer it is not the column's


class Denoised(NamedTuple):
    """Columns without noise; how many numbers were changed, the first one's row, and what it was and is."""

    columns: list["pl.Series"]
    changed: int = 0
    row: int = 0
    was: str = ""
    now: str = ""


def without_noise(columns: Sequence["pl.Series"]) -> Denoised:
    """Columns of `exact.decimal_column` that share a grid, their noise read as the grid's nearest number.

    The grid has the most decimals of the numbers of at most 14 digits. A longer one that is off it by a few
    last places is read as on it. One that is further off stays as it is; so do all, if most of the long ones
    are: then the column is finer. A column of long numbers alone stays, too.
    """
    long = [column.str.len_bytes() > QUIET_DIGITS for column in columns]
    noisy = [_noisy(column, where) for column, where in zip(columns, long, strict=True)]
    if not any(noisy):
        return Denoised(list(columns))
    clean = [_without(column, rows) for column, rows in zip(columns, noisy, strict=True)]
    if not any(map(len, clean)):
        return Denoised(list(columns))
    step = Decimal(1).scaleb(-max(map(exact.decimals, clean)))
    changes, on_grid = [], 0
    for column, rows in zip(columns, noisy, strict=True):
        nearest = _on_grid(column, rows, step)
        on_grid += len(nearest)
        changes.append({row: text for row, text in nearest.items() if text != column[row]})
    if on_grid < LEAST_SHARE * sum(map(len, noisy)):
        return Denoised(list(columns))
    changed = sum(map(len, changes))
    if not changed:
        return Denoised(list(columns))
    row, index = min((min(change), index) for index, change in enumerate(changes) if change)
    mended = [_mended(column, change) for column, change in zip(columns, changes, strict=True)]
    return Denoised(mended, changed, row, columns[index][row], changes[index][row])


def _noisy(column: "pl.Series", where: "pl.Series") -> list[int]:
    """The rows of more than QUIET_DIGITS significant digits, among those where it can be."""
    rows = where.arg_true()
    digits = column.gather(rows).str.replace_all(r"[-+.]", "").str.strip_chars_start("0").str.len_bytes()
    return rows.filter(digits > QUIET_DIGITS).to_list()


def _without(column: "pl.Series", rows: list[int]) -> "pl.Series":
    import polars as pl  # noqa: PLC0415  slow to import

    kept = pl.repeat(value=True, n=len(column), eager=True)
    return column.filter(kept.scatter(rows, values=False)) if rows else column


def _on_grid(column: "pl.Series", rows: list[int], step: Decimal) -> dict[int, str]:
    """The noisy cells that lie on the grid but for noise, by row, as they are there."""
    found = {}
    with localcontext(prec=PRECISION_DIGITS):
        for row in rows:
            if len(column[row]) > MAX_CHARS:
                continue
            value = Decimal(column[row])
            nearest = round(value / step) * step
            noise = NOISE_ULPS * _last_place(value, nearest)
            if nearest == value or (abs(nearest - value) <= noise and _is_printed(value)):
                found[row] = exact.plain_text(nearest)
    return found


def _is_printed(value: Decimal) -> bool:
    """Whether a double prints so, with as many decimals; else it never was one."""
    return Decimal(float(value)).quantize(value) == value


def _last_place(value: Decimal, nearest: Decimal) -> Decimal:
    """What the last place of a double is worth; it doubles at powers of 2, of which one may lie between."""
    return Decimal(max(math.ulp(float(value)), math.ulp(float(nearest))))


def _mended(column: "pl.Series", changes: dict[int, str]) -> "pl.Series":
    return column.clone().scatter(list(changes), list(changes.values())) if changes else column
