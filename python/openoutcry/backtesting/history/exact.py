"""Columns of a table as exact integers: decimal text on a grid, and times of any unit."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

import numpy as np

from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    import polars as pl

MAX_SCALE: Final = 18
_PLAIN: Final = r"^[+-]?[0-9]+(\.[0-9]*)?$"
# An integer time is told by its size: in seconds these are the years 1973 to 5138.
_TIME_UNITS: Final = ((10**11, NS_PER_S), (10**14, NS_PER_MS), (10**17, NS_PER_US))


def decimal_column(column: "pl.Series") -> "pl.Series":
    """Numbers of any type as plain decimal text, without needless zeros behind the point.

    Raises:
        InvalidInputError: a cell is empty or no finite number; the message names column and row.
    """
    import polars as pl  # noqa: PLC0415  slow to import

    text = column.cast(pl.String).str.strip_chars()
    is_plain = text.str.contains(_PLAIN).fill_null(value=False)
    if not is_plain.all():
        cells = text.to_list()
        rows = (~is_plain).arg_true().to_list()
        for row in rows:
            cells[row] = _plain(cells[row], column.name, row)
        text = pl.Series(column.name, cells, pl.String)
    return text.str.replace(r"\.0*$", "").str.replace(r"(\.[0-9]*[1-9])0+$", "$1")


def _plain(cell: str | None, name: str, row: int) -> str:
    try:
        value = Decimal(cell or "")
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        raise InvalidInputError(f"row {row}: {name} {cell!r} is not a number; mend or drop the row")
    return format(value, "f")


def plain_text(value: Decimal) -> str:
    """A number as `decimal_column` writes it."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def cut(text: "pl.Series", scale: int) -> "pl.Series":
    """A column of `decimal_column` without the decimals beyond the scale."""
    return text.str.replace(rf"(\.[0-9]{{{scale}}})[0-9]+$", "$1").str.replace(r"\.0*$", "")


def decimals(text: "pl.Series") -> int:
    """The most decimals in a column of `decimal_column`."""
    lengths = text.str.extract(r"\.([0-9]+)$").str.len_bytes()
    found = lengths.max()
    return int(found) if isinstance(found, int) else 0


def scaled(text: "pl.Series", scale: int) -> Integers:
    """A column of `decimal_column` times 10^scale; digits beyond the scale are an error.

    Raises:
        InvalidInputError: a number has more decimals than the scale, or is too large; names the row.
    """
    import polars as pl  # noqa: PLC0415

    fraction = text.str.extract(r"\.([0-9]+)$").fill_null("")
    too_fine = (fraction.str.len_bytes() > scale).arg_true()
    if len(too_fine):
        row = int(too_fine[0])
        raise InvalidInputError(
            f"row {row}: {text.name} {text[row]} has more than {scale} decimals; "
            "give a finer --step or --tick to `data import`"
        )
    whole = text.str.extract(r"^([^.]*)")
    digits = whole + fraction.str.pad_end(scale, "0")
    numbers = digits.cast(pl.Int64, strict=False)
    overflow = numbers.is_null().arg_true()
    if len(overflow):
        row = int(overflow[0])
        raise InvalidInputError(f"row {row}: {text.name} {text[row]} is out of range; check the column")
    return np.ascontiguousarray(numbers.to_numpy(), np.int64)


def to_nearest(text: "pl.Series", scale: int) -> tuple[Integers, int]:
    """A column of `decimal_column` times 10^scale to the nearest (a half: away from 0), and how many changed.

    What is more than 0 stays more than 0.

    Raises:
        InvalidInputError: a number is too large; names the row.
    """
    fraction = text.str.extract(r"\.([0-9]+)$").fill_null("")
    changed = fraction.str.len_bytes() > scale
    count = int(changed.sum())
    if not count:
        return scaled(text, scale), 0
    kept = fraction.str.slice(0, scale).str.pad_end(scale, "0")
    floor = scaled(text.str.extract(r"^([^.]*)") + "." + kept, scale).copy()
    up = fraction.str.slice(scale, 1).is_in(["5", "6", "7", "8", "9"])
    tiny = (floor == 0) & changed.to_numpy()
    negative = text.str.starts_with("-").to_numpy()
    floor += np.where(up.to_numpy() | tiny, np.where(negative, -1, 1), 0)
    return floor, count


def on_step(text: "pl.Series", step: Decimal) -> Integers:
    """A column of `decimal_column` as counts of a step.

    Raises:
        InvalidInputError: a number lies between two steps; names the row.
    """
    exponent = step.normalize().as_tuple().exponent
    scale = max(0, -exponent if isinstance(exponent, int) else 0)
    units = int(step.scaleb(scale))
    counts, rest = np.divmod(scaled(text, scale), units)
    off = np.flatnonzero(rest)
    if len(off):
        row = int(off[0])
        raise InvalidInputError(
            f"row {row}: {text.name} {text[row]} is not a multiple of {step}; "
            "give a finer --tick or --step to `data import`"
        )
    return np.ascontiguousarray(counts, np.int64)


def times_ns(column: "pl.Series") -> Integers:
    """Times as ns UTC: whole s, ms, us or ns since 1970 (told by their size), or ISO 8601 text.

    Text without a zone is taken for UTC.

    Raises:
        InvalidInputError: a cell is no time; names the row.
    """
    import polars as pl  # noqa: PLC0415

    if isinstance(column.dtype, pl.Datetime):
        aware = column.dtype.time_zone is not None
        moments = column if aware else column.dt.replace_time_zone("UTC")
        return _int64(moments.dt.epoch("ns"), column)
    numbers = column
    if column.dtype == pl.String:
        numbers = column.str.strip_chars().str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
        if numbers.null_count() == len(numbers):
            return _int64(_iso(column), column)
    if numbers.dtype.is_float():
        numbers = numbers.cast(pl.Int64, strict=False)
    values = _int64(numbers, column)
    if not len(values):
        return values
    largest = int(np.abs(values).max())
    unit = next((unit for limit, unit in _TIME_UNITS if largest < limit), 1)
    return values * unit


def _iso(column: "pl.Series") -> "pl.Series":
    import polars as pl  # noqa: PLC0415

    text = column.str.strip_chars().str.replace(" ", "T").str.replace(r"Z$|[+]00:?00$", "")
    text = text.str.replace(r"UTC$", "").str.strip_chars()
    patterns = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
    moments = pl.Series(column.name, [None] * len(column), pl.Datetime("ns"))
    for pattern in patterns:
        moments = moments.fill_null(text.str.to_datetime(pattern, time_unit="ns", strict=False))
    return moments.dt.epoch("ns")


def _int64(numbers: "pl.Series", column: "pl.Series") -> Integers:
    import polars as pl  # noqa: PLC0415

    empty = numbers.is_null().arg_true()
    if len(empty):
        row = int(empty[0])
        raise InvalidInputError(
            f"row {row}: {column.name} {column[row]!r} is no time; "
            "give s, ms, us or ns since 1970, or ISO 8601"
        )
    return np.ascontiguousarray(numbers.cast(pl.Int64).to_numpy(), np.int64)
