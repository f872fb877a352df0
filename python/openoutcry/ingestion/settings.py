"""What a live feed is of, and when its data counts as stale."""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.units import NS_PER_MS, NS_PER_S

MAX_HISTORY_CANDLES: Final = 100_000
MAX_SCREEN_LEVELS: Final = 100
MAX_PUBLISHED_LEVELS: Final = 1_000


class BookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether other processes of this user may read the books, from shared memory, and how many levels.

    `dir` is where the runs have their folders; empty stands for this user's own in memory.
    """

    publish: bool = True
    depth: Annotated[int, msgspec.Meta(ge=1, le=MAX_PUBLISHED_LEVELS)] = 20
    dir: str = ""

    def __post_init__(self) -> None:
        if self.dir and not Path(self.dir).is_absolute():
            raise ConfigurationError(
                f"books.dir is {self.dir!r}; give an absolute path, which is the same for every process"
            )


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One symbol's live feed. Limits are in the unit their names end with."""

    symbol: str
    candle_interval_ns: int = 5 * NS_PER_S
    # A channel without a frame for longer makes the feed stale. A quiet market has few trades, but its
    # book moves; a venue that sends nothing at all is not to be traded on.
    depth_stale_ms: int = 5_000
    trade_stale_ms: int = 60_000
    book_ticker_stale_ms: int = 10_000
    staleness_check_ms: int = 250
    window_ticks: int = 32_768
    history_candles: int = 2_000
    anomaly_window: int = 120
    # Robust deviations of a second's return that are an alarm by themselves; half of them support others.
    anomaly_threshold: float = 8.0
    screen_levels: int = 10
    # Repair: a snapshot or a page of missing trades is asked for again after a doubling wait. When the
    # attempts are used up, the feed ends with the venue's error.
    repair_attempts: int = 10
    repair_backoff_first_ms: int = 100
    repair_backoff_max_ms: int = 10_000
    max_backfill_trades: int = 100_000  # a larger hole is not filled: the tape starts anew behind it

    def __post_init__(self) -> None:
        if not self.symbol:
            raise ConfigurationError("symbol is empty; give a unified symbol such as BTC/USDT")
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value > 0:  # NaN is not greater than zero either
                raise ConfigurationError(f"{field.name} is {value}; give a positive number")
        if self.candle_interval_ns % NS_PER_MS:
            raise ConfigurationError(
                f"candle_interval_ns is {self.candle_interval_ns}; give whole milliseconds"
            )
        if self.history_candles > MAX_HISTORY_CANDLES:
            raise ConfigurationError(
                f"history_candles is {self.history_candles}; the limit is {MAX_HISTORY_CANDLES}"
            )
        if self.screen_levels > MAX_SCREEN_LEVELS:
            raise ConfigurationError(
                f"screen_levels is {self.screen_levels}; the limit is {MAX_SCREEN_LEVELS}"
            )
        if self.repair_backoff_max_ms < self.repair_backoff_first_ms:
            raise ConfigurationError(
                "repair_backoff_max_ms is less than repair_backoff_first_ms; give at least that"
            )
