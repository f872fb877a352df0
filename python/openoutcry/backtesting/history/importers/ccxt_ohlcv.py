"""ccxt's OHLCV as it was saved: a JSON array of rows [ms, open, high, low, close, volume]."""

import json
from pathlib import Path
from typing import Final

from openoutcry.backtesting.history.candle_files import candles_of, facts_of_name
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.history.source import ImportOptions
from openoutcry.backtesting.history.tables import text_lines
from openoutcry.backtesting.result import DatasetRecord
from openoutcry.domain.errors import InvalidInputError

NAMES: Final = ("ts", "open", "high", "low", "close", "volume")


def read_ohlcv(path: Path, options: ImportOptions) -> tuple[CandleSeries, DatasetRecord]:
    """Candles with all that a check finds, as `candle_files.read_candles`; numbers are read exactly.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is no such JSON, or the symbol is not known.
    """
    import polars as pl  # noqa: PLC0415  slow to import

    try:
        rows = json.loads(b"\n".join(text_lines(path)), parse_float=str, parse_int=str)
    except ValueError as error:
        raise InvalidInputError(
            f"{path} is no JSON ({error}): it is cut off or damaged; fetch it again"
        ) from error
    if not isinstance(rows, list) or not rows:
        raise InvalidInputError(f"{path} holds no candle; give a JSON array of [ms, o, h, l, c, v]")
    for index, row in enumerate(rows):
        if (
            not isinstance(row, list)
            or len(row) != len(NAMES)
            or not all(isinstance(cell, str) for cell in row)
        ):
            raise InvalidInputError(f"{path}, row {index} is not [ms, o, h, l, c, v]; mend or drop it")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(NAMES, pl.String), orient="row")
    named = facts_of_name(path)
    try:
        return candles_of(
            frame,
            path=path,
            symbol=options.symbol or named["symbol"] or options.unsaid_symbol,
            venue=options.venue or named["venue"] or "unknown",
            interval=options.interval or named["interval"],
            facts={},
        )
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None
