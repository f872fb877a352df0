# ruff: noqa: PYI021  the contract says what the calls mean
"""The contract of the compiled core. Import it through `openoutcry.native` only.

Units: `*_ticks` and `*_lots` are integers on the instrument's grid, `*_ns` are UTC nanoseconds since
the epoch. Frames are the venue's own bytes. A call that raises has changed nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias, final, overload

from typing_extensions import Buffer

BUILD_PROFILE: Final[Literal["release", "debug"]]
VERSION: Final[str]

_Side: TypeAlias = Literal["buy", "sell"]

class CoreError(Exception):
    """Base of the core's errors."""

class DecodeError(CoreError, ValueError):
    """A frame that is not what its venue sends: truncated, malformed, out of range or off the grid."""

class BookError(CoreError):
    """A book that cannot be trusted: a sequence gap, a crossed state, a snapshot older than the stream."""

class OrderError(CoreError, ValueError):
    """An order or a schedule that cannot be made: zero or negative size, off the grid, unknown order."""

@final
class MarketFeed:
    """One instrument's market data: wire frames in; book, trades, candles, features and alerts out.

    Each venue's integrity rule is enforced: Binance's update ids (`product` chooses: `spot` joins by `U`/`u`,
    `usdm` and `coinm` by `pu`), Bybit's `u`, Coinbase's `sequence_num` (give the feed every message of the
    connection), OKX's `prevSeqId` and checksum, Kraken's checksum (`depth`: levels a side that were
    subscribed, 1,000 unless told; with another venue it is an error). Bitstamp has none: only a crossed
    book shows there that an update was lost. What breaks the rule makes the book invalid and is told by
    `take_violations`. `symbol` is the venue's own, as `BTCUSDT`, `BTC-USD`, `XBT/USD`.
    Prices off the grid are errors. A size finer than `size_step` is one that an order older than the present
    step left behind: it is rounded down to lots, but never to 0 (an error if such sizes are common).
    The book is windowed: a dense ladder of `window_ticks` around the touch and a sparse tail.
    `resume_trade_id` continues a trade tape after that id (0: start at the first trade seen; the candle by
    time in which the tape starts is incomplete and never reported, and so is the first one of a venue whose
    trades have no consecutive ids, resumed or not).

    Candles by `time` last `candle_interval_ns`. Those by `trades`, `volume` (lots) and `notional` (tick·lots)
    close with the trade that brings them to `candle_size`: it is not split, so they may exceed it by less
    than one trade.

    Features are of the depth book and of the tape. `vpin` needs `vpin_bucket_lots`, the size of its buckets:
    its authors take a fiftieth of a day's volume. With `analytics=False` the feed keeps book, tape
    and candles alone: a frame costs less, features are unknown and there are no alerts.
    """

    def __new__(
        cls,
        *,
        venue: Literal["binance", "bitstamp", "bybit", "coinbase", "kraken", "okx"] = "binance",
        product: Literal["spot", "usdm", "coinm"] = "spot",
        symbol: str,
        price_tick: str,
        size_step: str,
        candle_interval_ns: int | None = None,
        candle_rule: Literal["time", "trades", "volume", "notional"] = "time",
        candle_size: int | None = None,
        window_ticks: int = 32768,
        depth: int | None = None,
        resume_trade_id: int = 0,
        anomaly_window: int = 120,
        anomaly_threshold: float = 8.0,
        vpin_bucket_lots: int | None = None,
        analytics: bool = True,
    ) -> Self: ...
    def apply(self, frame: bytes, received_ns: int) -> Literal["depth", "trade", "book_ticker", "unknown"]:
        """Apply one WebSocket text frame, raw (`{"e":…}`) or combined (`{"stream":…,"data":…}`).

        `unknown` frames are left untouched, for the client that knows them. A depth frame that breaks the
        sequence makes the book invalid and counts in `gaps`; it does not raise.

        Raises:
            DecodeError: the frame claims to be depth, trade or bookTicker of this symbol and is malformed.
                The book of any venue but Binance is then invalid: a change may have been lost with it.
        """
    def apply_lines(self, lines: bytes) -> int:
        """Apply recorded lines `<received_ns> <json>` (snapshot lines too) with the interpreter released.

        Returns the number of lines applied. Raises DecodeError naming the line's number; the lines before
        it stay applied.
        """
    def apply_snapshot(self, body: bytes, received_ns: int) -> bool:
        """Join a REST depth snapshot with the deltas buffered since the last reset.

        Returns False if it is older than the first buffered delta: ask for another.
        """
    def apply_trades(self, body: bytes, received_ns: int) -> int:
        """Fill a hole in the trade tape from a REST `historicalTrades` reply; returns the trades used."""
    def reset(self) -> None:
        """Forget the book (a connection was lost): buffer deltas until the next snapshot.

        Binance's tape stays, and waits for the trades that it missed. Those of another venue cannot be told
        again: the candle that they may belong to is dropped, and the tape goes on with the next trade.
        """
    def take_candles(self) -> list[tuple[int, int, int, int, int, int, int, int, int, int, int, int]]:
        """Candles closed since the last call, oldest first.

        (open_ns, close_ns, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots, buy_volume_lots,
        notional (tick·lots), trade_count, first_trade_id, last_trade_id). By time, `close_ns` is the end of
        the interval, exclusive; else the times are those of the first and the last trade.
        """
    def take_alerts(self) -> list[tuple[int, str, float, str]]:
        """Alarms of the anomaly panel since the last call: (event_ns, detector, score in [0, 1], evidence).

        `detector` is the leading cause. One disturbance is one alarm, told again every five seconds while it
        goes on. A score of 0.5 is a detector's limit, 0.8 is two and a half times that.
        """
    def set_reference(self, mid_ticks: float, at_ns: int) -> None:
        """Tell another venue's middle, in this instrument's ticks, for the detector of divergence."""
    def take_violations(self) -> list[tuple[int, int, str, str]]:
        """Breaches of the venue's rule since the last call: (frame number, received_ns, kind, what).

        Kinds: `gap`, `crossed`, `checksum`, `malformed`, and `trades`, after which the book stands and the
        candle that the lost trades lie in is missing.
        """
    def top(self) -> tuple[int, int, int, int] | None:
        """The freshest touch, of the book or of a newer bookTicker.

        (bid_ticks, bid_lots, ask_ticks, ask_lots), or None if the book is not valid or a side is empty.
        """
    def levels(self, depth: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Best `depth` levels a side as (ticks, lots): bids downwards, asks upwards. Empty if not valid."""
    def features(self) -> dict[str, float]:
        """The features of the depth book by name: the first eight of `feature_names`.

        spread_ticks, mid_ticks, microprice_ticks; imbalance_1, imbalance_5, imbalance_10, imbalance_20 and
        book_pressure in [-1, 1]. Empty if the book is not valid or a side is empty.
        """
    def feature_vector(self, out: Buffer) -> bool:
        """Write all features as of the newest event into `out`, a writable float64 buffer of as many.

        What is not known is NaN: the book's while it is not valid, flows until they have been watched for
        10 s and the volatility for 11 s without a hole, the trades' while trades are missing. Returns True if
        all are known; `vpin` counts only if it has a bucket size.

        Raises:
            ValueError: another number of items.
            BufferError: not a buffer of float64, or read-only.
        """
    @staticmethod
    def feature_names() -> list[str]:
        """The names of the features in their order: new ones are added at the end."""
    @staticmethod
    def feature_units() -> list[str]:
        """The units of the features in the same order."""
    @property
    def is_valid(self) -> bool:
        """The book is joined, gap-free and not crossed."""
    @property
    def needs_snapshot(self) -> bool:
        """Deltas are waiting for a snapshot."""
    @property
    def needs_resubscription(self) -> bool:
        """The book must be subscribed anew: the venue sends it whole only then (not Binance, Bitstamp)."""
    @property
    def checksum_mismatches(self) -> int:
        """Updates after which the book was not the venue's by its checksum."""
    @property
    def frames(self) -> int:
        """Frames applied so far, malformed ones included."""
    @property
    def missing_trades(self) -> tuple[int, int] | None:
        """The hole in the trade tape as (first missing id, last missing id), or None."""
    @property
    def last_update_id(self) -> int: ...
    @property
    def last_trade_id(self) -> int: ...
    @property
    def last_event_ns(self) -> int:
        """Venue time of the newest frame applied."""
    @property
    def gaps(self) -> int:
        """Sequence gaps seen in the depth stream."""
    @property
    def crossed(self) -> int:
        """Crossed states refused."""
    @property
    def counts(self) -> dict[str, int]:
        """Frames applied by kind: depth, trade, book_ticker, unknown, snapshot, stale (already known)."""
    @property
    def last_received_ns(self) -> dict[str, int]:
        """When the newest frame of each channel came: depth (with news), trade, book_ticker."""

@final
class L2Book:
    """A book by price level, of whatever feed: it holds what it is told.

    A side is 0 for bids and 1 for asks; prices are from 1 to 2**56 ticks and sizes from 0 to 2**56 lots.
    `window_ticks` (1 to 4194304) is the dense part around the touch of each side; what lies beyond is kept
    too, at the cost of a search tree. With `depth`, the levels of a side beyond the best `depth` are dropped
    at the end of every update, as Kraken's book asks; one call is one update. The length is the number of
    levels.
    """

    def __new__(cls, *, window_ticks: int = 16384, depth: int | None = None) -> Self: ...
    def __len__(self) -> int: ...
    def set(self, side: int, price_ticks: int, size_lots: int) -> int:
        """Set the size at a price, 0 to delete the level (which may be unknown); returns what stood there.

        Raises:
            ValueError: the side, the price or the size is out of range.
        """
    def set_top(self, side: int, price_ticks: int, size_lots: int) -> tuple[int, int, int, int]:
        """As `set`; returns (bid_ticks, bid_lots, ask_ticks, ask_lots) after it, zeros for an empty side."""
    def apply(self, rows: Buffer, top: Buffer | None = None) -> int:
        """Apply rows (side, price_ticks, size_lots) in order as one update; returns how many there were.

        `rows` is a C-contiguous int64 buffer of shape (n, 3). `top` is a writable one of shape (n, 4), which
        gets the touch after each row as `set_top` tells it. From 10,000 rows on the interpreter is released.

        Raises:
            ValueError: a buffer of another type or shape, or a row out of range. Nothing has been applied.
        """
    def top(self) -> tuple[int, int, int, int] | None:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots), or None if a side is empty."""
    def levels(self, depth: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Best `depth` levels a side as (ticks, lots): bids downwards, asks upwards."""
    def clear(self) -> None:
        """Forget every level."""
    @property
    def is_crossed(self) -> bool:
        """The best bid is at or above the best ask, which no real book is."""

# An execution report of the simulated venue is order_id, kind, side, price_ticks, last_lots, filled_lots,
# leaves_lots, trade_id, is_maker and event_ns, where kind is one of "NEW", "TRADE", "CANCELED", "REJECTED"
# and "EXPIRED"; price_ticks is the fill's price for TRADE and the order's otherwise; trade_id is 0 unless it
# is a TRADE.
_ExecutionReport: TypeAlias = tuple[int, str, _Side, int, int, int, int, int, bool, int]

@final
class SimulatedVenue:
    """Price-time matching of our orders against a replayed book and its trades.

    A resting order queues behind the size that stood at its level when it came. Trades at its price and
    shrinking levels move it forward; a trade through its price fills it. An order that takes liquidity
    consumes what the replayed book shows, and what it took stays gone until that level is updated. The
    replay itself does not react: there is no market impact.
    """

    def __new__(
        cls, *, product: Literal["spot", "usdm", "coinm"], symbol: str, price_tick: str, size_step: str
    ) -> Self: ...
    def apply(self, frame: bytes, received_ns: int) -> list[_ExecutionReport]:
        """Apply a recorded frame or snapshot line's JSON; returns the fills that it causes."""
    def submit(
        self,
        *,
        order_id: int,
        side: _Side,
        price_ticks: int | None,
        size_lots: int,
        time_in_force: Literal["GTC", "IOC", "FOK"] = "GTC",
        post_only: bool = False,
        now_ns: int,
    ) -> list[_ExecutionReport]:
        """Match a new order; `price_ticks` None is a market order. The first report is NEW or REJECTED.

        Raises:
            OrderError: zero or negative size or price, or an order id already in use.
        """
    def cancel(self, order_id: int, now_ns: int) -> list[_ExecutionReport]:
        """Withdraw a resting order. Raises OrderError if it does not rest."""
    def queue_ahead(self, order_id: int) -> int:
        """Lots ahead of a resting order at its level. Raises OrderError if it does not rest."""
    def snapshot(self, depth: int) -> bytes:
        """The book as the venue's REST depth reply (`lastUpdateId`, `bids`, `asks`)."""
    def top(self) -> tuple[int, int, int, int] | None:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots), or None before the first snapshot."""
    @property
    def last_update_id(self) -> int: ...

@final
class Simulator:
    """Backtests over recorded events: what the trader sees and when, and what the venue makes of his orders.

    Each instrument has two books out of the same rows: the venue's at `exchange_ns`, and the trader's at
    `local_ns`. Orders and reports travel between them with a latency. Between two wakes no Python runs.

    **Rows** are int64 arrays of shape (n, 6), an event each: `exchange_ns, local_ns, kind, price_ticks,
    size_lots, order_id`. `kind` is a code, and 256 more for asks and sellers. Codes: 1 and 4 set a level
    (size 0 deletes it), 2 trade (the side is the taker's), 3 clear a side down to a price (0: all of it), 5
    the best level of a side, 6 its only one, 10 order added, 11 cancelled, 12 modified, 13 filled (the row
    after it tells what is left), 0 padding. Neither time may go back. **Quotes** are of shape (n, 5): `at_ns,
    bid_ticks, ask_ticks, bid_lots, ask_lots`, each the only level of both sides. A new level that reaches or
    passes the other side's removes what it reaches there.

    **Fills.** `partial`: our fills of one trade together are never more than it; an order that takes walks
    the visible levels, and what it took stays gone until the data shows another size there; an order that
    would meet one of ours expires. `whole`: as hftbacktest's exchange without partial fills. The market does
    not react to us; what takes may pay impact (`impact_coefficient`).

    **Wakes** come after everything of their moment, as `(now_ns, reasons, instrument)`; reasons are the sum
    of 1 timer, 2 report, 4 candle, 8 touch, 16 spread, 32 crossing. The run ends when the data does and no
    message is on its way; a timer after that does not wake.
    """

    def __new__(cls, *, seed: int = 0) -> Self: ...
    def add_instrument(
        self,
        *,
        price_tick: str,
        size_step: str,
        fill_mode: Literal["partial", "whole"] = "partial",
        queue_model: Literal[
            "risk-averse", "power", "power2", "power3", "log", "log2", "fifo"
        ] = "risk-averse",
        queue_exponent: float | None = None,
        entry_ns: int = 0,
        response_ns: int = 0,
        entry_p99_ns: int | None = None,
        response_p99_ns: int | None = None,
        latencies: Buffer | None = None,
        maker_rate: int = 0,
        taker_rate: int = 0,
        fee_tiers: Sequence[tuple[int, int, int]] = ...,
        is_inverse: bool = False,
        impact_coefficient: float | None = None,
        halts: Sequence[tuple[int, int]] = ...,
        reject_probability: float = 0.0,
        max_resting_orders: int = 200,
        by_order: bool = False,
        window_ticks: int = 4096,
    ) -> int:
        """Add an instrument; returns its number, from 0.

        Latencies of orders (`entry_ns`) and of reports (`response_ns`) are constant; or, with both
        percentiles, medians of seeded lognormal distributions; or `latencies`, recorded int64 rows of
        `request_ns, exchange_ns, response_ns`, interpolated (an `exchange_ns` of 0 or a negative
        `response_ns`: lost, the order is rejected). Rates are in 10^-8, below zero a rebate; `fee_tiers`,
        `(from_atoms, maker_rate, taker_rate)`, replace them on UTC days before which that much was traded in
        30 whole days. `is_inverse`: `size_step` is of the quote asset, and amounts are of the base asset.
        With `impact_coefficient` what takes pays the square-root law's cost on top of each level's price,
        within its limit: c·s·√(size / volume), by the mid's changes and the volume of this UTC day and the
        one before. In `halts`, (from_ns, until_ns) of the venue's time, orders are rejected and nothing
        matches. `by_order` says that rows are of orders; `fifo` needs it.

        Raises:
            ValueError: a setting is out of range, unknown, or contradicts another.
            CoreError: the run has begun.
        """
    def add_stream(self, instrument: int, chunks: Iterable[Buffer], *, feed_latency_ns: int = 0) -> None:
        """Give an instrument its history; arrays are pulled when the run needs the next, and copied in parts.

        `feed_latency_ns` is for quotes, which have one time only. A bad array or row raises when it is
        reached.

        Raises:
            ValueError: no such instrument, or it has a stream. TypeError: not iterable.
        """
    def subscribe(
        self,
        instrument: int,
        *,
        reports: bool = False,
        touch: bool = False,
        spread_ticks: int | None = None,
        crossing_ticks: int | None = None,
        candle_interval_ns: int | None = None,
        features: bool = False,
    ) -> None:
        """Wait for these things of an instrument, and for no others any more (but candles once asked for).

        Reports of its orders; each change of its touch; the spread becoming `spread_ticks` or more; the mid
        coming to or crossing `crossing_ticks`; each candle of trades by time, when its end is seen. With
        `features` they are kept from now on, and wake nobody.

        Raises:
            ValueError: no such instrument, or the interval is not positive.
            CoreError: candles or features are asked for while the run goes on.
        """
    def every(self, every_ns: int) -> None:
        """Wake every so many ns, first that long after the first event.

        Raises:
            ValueError: it is not positive. CoreError: the run has begun.
        """
    def wake_at(self, at_ns: int) -> None:
        """Wake once at a moment, instead of at the one set before. Raises ValueError if it is past."""
    def advance(self) -> tuple[int, int, int] | None:
        """Go on to the next wake, `(now_ns, reasons, instrument)`; None at the end.

        Raises:
            DecodeError: a row is not one, or goes back in time; it is named, with the remedy.
            ValueError: an array of another shape. TypeError: no int64 buffer.
            CoreError: an account overflows, or what is told is not taken.
        """
    def run(self, on_wake: Callable[[int, int, int], object]) -> int:
        """Call `on_wake(now_ns, reasons, instrument)` at each wake to the end; returns their number."""
    def run_quotes(
        self, on_quote: Callable[[int, int, int, int, int], object], *, instrument: int = 0
    ) -> int:
        """Call `on_quote(now_ns, bid_ticks, bid_lots, ask_ticks, ask_lots)` at each change of the touch.

        Returns how many there were. It subscribes to the touch; what else wakes is passed over.
        """
    def run_market_maker(
        self,
        instrument: int = 0,
        *,
        size_lots: int,
        max_position_lots: int,
        skew: float,
        half_spread_ticks: float,
        until_ns: int = ...,
    ) -> tuple[int, bool]:
        """Quote natively at each timer; returns how many decisions there were, and whether the run is over.

        Quotes lie `half_spread_ticks` off the mid, moved down by `skew` times 100 ticks for one unit of the
        asset held, and are never better than the touch. Nothing is added to `max_position_lots`. It stops
        after the first decision at `until_ns` or later; a next call goes on.
        """
    def run_avellaneda_stoikov(
        self,
        instrument: int = 0,
        *,
        size_lots: int,
        max_position_lots: int,
        risk_aversion: float,
        arrival_decay: float,
        horizon_ns: int,
        end_ns: int | None = None,
        window: int = 100,
        until_ns: int = ...,
    ) -> tuple[int, bool]:
        """As `run_market_maker`, with the quotes of Avellaneda and Stoikov (2008).

        `risk_aversion` (gamma) and `arrival_decay` (kappa) are a tick, the position counts in quotes. The
        variance of the mid is that of the last `window` decisions; of a next call too, which begins without
        any. The time left is `horizon_ns`, or less as `end_ns` comes.
        """
    def submit(
        self,
        instrument: int,
        side: _Side,
        price_ticks: int | None,
        size_lots: int,
        time_in_force: Literal["GTC", "IOC", "FOK"] = "GTC",
        post_only: bool = False,
    ) -> int:
        """Send an order; returns its number. A price of None is a market order.

        Raises:
            OrderError: not an order. ValueError: no such instrument. CoreError: before the first wake.
        """
    def cancel(self, instrument: int, order_id: int) -> None:
        """Ask to withdraw an order. Raises OrderError if it is not open as far as the trader knows."""
    def set_quotes(
        self, instrument: int, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int
    ) -> None:
        """Make what rests match two quotes, post-only; sends what is missing, withdraws what is not wanted.

        A price of 0 quotes nothing on that side; a size of 0 keeps what rests at the price and adds nothing.

        Raises:
            OrderError: a number is negative or above 2^56.
        """
    def touch(self, instrument: int) -> tuple[int, int, int, int] | None:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots) as the trader sees it; None if a side is empty."""
    def levels(self, instrument: int, side: _Side, depth: int) -> list[tuple[int, int]]:
        """The best levels of a side as the trader sees them, (price_ticks, size_lots)."""
    def position_lots(self, instrument: int) -> int:
        """Lots held as far as the trader knows; below zero is short."""
    def account(self, instrument: int) -> tuple[int, int, int, int]:
        """(cash_atoms, fees_atoms, position_lots, fills); cash begins at 0 and has paid the fees."""
    def orders(self, instrument: int) -> list[tuple[int, _Side, int | None, int, int, bool, bool, int]]:
        """Open orders as the trader knows them, oldest first.

        (order_id, side, price_ticks, size_lots, leaves_lots, is_accepted, is_cancelling, sent_ns).
        """
    def fills(self, instrument: int) -> list[tuple[int, _Side, int, int, int, bool, int, int, int]]:
        """Take the fills heard of since the last time.

        (order_id, side, price_ticks, size_lots, leaves_lots, is_maker, fee_atoms, exchange_ns, local_ns).
        """
    def reports(
        self, instrument: int
    ) -> list[tuple[int, str, str | None, _Side, int, int, int, int, bool, int, int]]:
        """Take the reports since the last time, if they are subscribed.

        (order_id, kind, refusal, side, price_ticks, last_lots, filled_lots, leaves_lots, is_maker,
        fee_atoms, exchange_ns). Kinds: accepted, fill, canceled, expired, rejected, cancel rejected.
        Refusals: lost, halted, random, too many, would take, unknown.
        """
    def features(self, instrument: int) -> dict[str, float]:
        """The features of `MarketFeed` by name, of what the trader has seen; NaN where unknown.

        They follow the rows of levels (those with the same times are one update) or of orders, and the
        trades; touches of a ticker change nothing. Empty if they are not subscribed.

        Raises:
            ValueError: no such instrument.
        """
    def candles(self, instrument: int) -> list[tuple[int, int, int, int, int, int, int, int, int]]:
        """Take the candles closed since the last time, if they are subscribed.

        (open_ns, close_ns, open, high, low, close, volume_lots, buy_volume_lots, trade_count); prices in
        ticks.
        """
    def queue_ahead(self, instrument: int, order_id: int) -> float | None:
        """The lots before an order of ours at the venue, by its queue model; None if it does not rest."""
    def counters(self, instrument: int) -> tuple[int, int]:
        """(rows, misfits): rows read, and order events that did not fit the book."""
    @property
    def now_ns(self) -> int | None: ...

@final
class SyntheticMarket:
    """A seeded market in the spot wire format, its order flow calibrated on recorded BTC/USDT.

    The same seed gives the same bytes. Frames: depth every 100 ms with `U`/`u`, trade, bookTicker; the
    first line is preceded by nothing and the second is the REST snapshot that joins the stream.
    """

    def __new__(
        cls, *, seed: int, symbol: str = "BTCUSDT", start_ns: int = ..., duration_ns: int = ...
    ) -> Self: ...
    def next_lines(self, count: int) -> list[bytes]:
        """The next lines `<received_ns> <json>`; an empty list at the end."""

@overload
def twap_schedule(
    *,
    total_lots: int,
    slices: int,
    start_ns: int,
    end_ns: int,
    min_lots: int = 1,
    jitter: float = 0.0,
    seed: int = 0,
    rows: None = None,
) -> list[tuple[int, int]]:
    """Equal slices over time as (at_ns, lots): sum == total_lots, each >= min_lots (or one child == total).

    Times increase strictly and lie in [start_ns, end_ns). `jitter` in [0, 1) moves each time within its
    share of the interval. Cumulative targets are rounded, so no prefix is off by more than a slice.

    `rows`, a writable int64 buffer of shape (slices, 2), receives the slices instead, without a Python object
    a slice: the number of slices is returned, and the rows after them are zero.

    Raises:
        OrderError: total_lots, slices or the interval is not positive, or jitter is outside [0, 1).
        ValueError: rows are of another shape.
        BufferError: rows are no int64 buffer, or not writable.
    """

@overload
def twap_schedule(
    *,
    total_lots: int,
    slices: int,
    start_ns: int,
    end_ns: int,
    min_lots: int = 1,
    jitter: float = 0.0,
    seed: int = 0,
    rows: Buffer,
) -> int: ...
@overload
def vwap_schedule(
    *,
    total_lots: int,
    weights: Sequence[float] | Buffer,
    start_ns: int,
    end_ns: int,
    min_lots: int = 1,
    jitter: float = 0.0,
    seed: int = 0,
    rows: None = None,
) -> list[tuple[int, int]]:
    """As `twap_schedule`, with one slice a weight in proportion to an expected volume profile.

    `weights` are numbers, or a float64 buffer of them.

    Raises:
        OrderError: as there, or a weight is negative, NaN or infinite, or all are zero.
        ValueError: as there.
        BufferError: as there.
    """

@overload
def vwap_schedule(
    *,
    total_lots: int,
    weights: Sequence[float] | Buffer,
    start_ns: int,
    end_ns: int,
    min_lots: int = 1,
    jitter: float = 0.0,
    seed: int = 0,
    rows: Buffer,
) -> int: ...

@final
class HistoryDecoder:
    """Turns recorded lines of one instrument into rows of history; settings as of `MarketFeed`.

    A row is six int64 in the machine's order: exchange_ns, local_ns, kind, price_ticks, size_lots, order_id.
    `kind` is a code, and the side (0 bid or buyer, 1 ask or seller; the taker's of a trade) above the lowest
    byte. Codes: 1 a level's size, 2 a trade, 3 a side is forgotten, 4 a snapshot's level, 5 the touch.
    Depth is told only while the book can be trusted: from the snapshot on, and after a break not before the
    next; a break forgets both sides. Times never go back: what came after a later event gets its time.
    """

    def __new__(
        cls,
        *,
        venue: str = "binance",
        product: str = "spot",
        symbol: str,
        price_tick: str,
        size_step: str,
        depth: int | None = None,
    ) -> Self: ...
    def decode_lines(self, lines: bytes) -> bytes:
        """Decode whole lines `<received_ns> <json>` with the interpreter released.

        Raises:
            DecodeError: a line is malformed; the rows of this call are lost.
        """
    def decode_snapshot(self, body: bytes, received_ns: int) -> bytes:
        """Join the REST reply that some venues' books begin with. Raises DecodeError."""
    @property
    def counts(self) -> dict[str, int]:
        """What happened so far.

        waiting (updates without a book), stale (nothing new), breaks, snapshots, missing_trades, late (got a
        later event's time) and latest_ns, the most by which one was late.
        """

@final
class LobsterHistory:
    """Turns LOBSTER's message lines into rows of history as `HistoryDecoder`, by order.

    Codes: 10 an order is added, 11 gone (the size it had), 12 reduced (the size it has now), 13 traded (how
    much did); then 2 is before it, the trade with the taker's side, and after it what is left, 11 or 12.
    `midnight_ns` is the exchange's, in UTC. Of orders that rested before the file only trades are told. With
    the book file, which has a line after each message, what comes into its levels unseen is told as anonymous
    orders (ids from 2^60) and what has left them goes from the end of its queue, so that the orders
    make the file's levels after each message. Both times are the exchange's.
    """

    def __new__(cls, *, midnight_ns: int, units_per_tick: int = 100) -> Self: ...
    def decode_lines(self, lines: bytes, book_lines: bytes | None = None) -> bytes:
        """Decode whole lines, and those of the book file if there is one, with the interpreter released.

        Raises:
            DecodeError: a line is malformed, or one of the files has more of them.
            BookError: a message contradicts the orders before it.
        """
    @property
    def counts(self) -> dict[str, int]:
        """What happened so far.

        lines, unknown (changes of earlier orders), stale (orders that left unseen, dropped when the market
        passed their price), off_grid (hidden trades between two ticks), and by the book file appeared (sizes
        of which no message told) and left (orders that lost size unseen).
        """

@final
class HaltFlag:
    """A halt in memory that all processes naming the same files share; `record` is its durable file.

    What is not proved to be clear is armed: a flag that was cut off, removed, replaced or made by another
    user or version, a folder that is gone, a record that exists or cannot be looked for. No call takes a lock
    or releases the interpreter. Forked processes share it.
    """

    def __new__(cls, *, flag: str | PathLike[str], record: str | PathLike[str]) -> Self:
        """Map the flag, making it if need be; set it if the record exists. Never raises: see `permit`."""
    def is_armed(self) -> bool:
        """Nothing may be sent: a load and two `lstat`, a few microseconds."""
    def permit(self) -> None:
        """As `is_armed`, for the place right before a socket.

        Raises:
            openoutcry.domain.errors.HaltedError: it is armed; the message says by what, and the remedy.
        """
    def arm(self, at_ns: int) -> None:
        """Set it, for every process at once. What cannot be set is armed already."""
    def clear(self, seen: int) -> bool:
        """Clear it, unless it was armed anew since the generation `seen`: then False, and it stays armed.

        Raises:
            OSError: it cannot be used, and stays armed.
        """
    def generation(self) -> int:
        """A number that each arming and clearing changes. Raises OSError as `clear` does."""
    def armed_at_ns(self) -> int:
        """When it was armed last; 0 if never, or if only the record knows. Raises OSError as `clear` does."""

_BookStatus: TypeAlias = Literal["fresh", "empty", "stalled", "dead", "closed", "busy", "torn", "gone"]

@final
class BookPublisher:
    """Publishes one venue's books in shared memory: top levels, last trade, features and health of each.

    One writer a venue and folder; another is refused while it lives. The folder (`/dev/shm/openoutcry-UID` if
    None is given) is made if need be, for this user only. `features` is how many of the feed's are published.
    """

    FEATURES_MAX: Final[int]
    def __new__(
        cls,
        *,
        folder: str | PathLike[str] | None = None,
        venue: str,
        instruments: Sequence[str],
        depth: int = 20,
        features: int = ...,
    ) -> Self:
        """Make the segment, in the place of a dead writer's.

        Raises:
            ValueError: a setting is out of range, or a name cannot be used or is there twice.
            OSError: a living writer has it, or the folder or file is not private or cannot be used.
        """
    def publish(self, symbol_index: int, feed: MarketFeed, now_ns: int) -> None:
        """Publish what a feed knows as that of instrument number `symbol_index`.

        Raises:
            ValueError: there is no such instrument, or the publisher is closed.
            CoreError: this process is a fork of the one that made the publisher.
        """
    def beat(self) -> bool:
        """Say that the writer lives, though nothing happens. Raises as `publish`.

        False if somebody took the segment away: then it is time for a new publisher.
        """
    def close(self) -> None:
        """Close the segment, as readers will see, and remove it. So does the end of the object."""
    @property
    def path(self) -> Path:
        """The segment's file."""

@final
class BookReader:
    """Reads one venue's books from shared memory, without a lock or a call to the writer.

    The status of what was read:

    - `fresh`: the newest record, of a living writer. It may say that the book is not valid.
    - `empty`: the writer lives but has published nothing for this instrument; the record is all zero.
    - `stalled`: the writer lives, but was silent for `heartbeat_timeout_ms`; the record is its last.
    - `dead`, `closed`: the writer died, or ended in order; the record is its last.
    - `busy`: nothing was read, the record was being written at each of many attempts. Try again.
    - `torn`: nothing was read, the writer died while it wrote this record.
    - `gone`: nothing was read, the segment was removed or replaced. Make a new reader.

    A record is `record_words` of int64: the fields below, then bids, asks (price_ticks, size_lots of each
    level, best first, zero behind the last) and features (float64, NaN if unknown).
    """

    FLAGS: Final = 0  # VALID, TAKER_BOUGHT
    EVENT_NS: Final = 1  # venue time of the newest frame
    DEPTH_RECEIVED_NS: Final = 2
    TRADE_RECEIVED_NS: Final = 3
    PUBLISHED_NS: Final = 4
    LAST_UPDATE_ID: Final = 5  # 0 while the book is not valid
    TRADE_ID: Final = 6  # 0 before the first
    TRADE_PRICE_TICKS: Final = 7
    TRADE_SIZE_LOTS: Final = 8
    TRADE_NS: Final = 9
    BIDS: Final = 10  # how many there are
    ASKS: Final = 11
    LEVELS: Final = 12  # here the bids begin
    VALID: Final = 1  # the book is joined, gap-free and not crossed
    TAKER_BOUGHT: Final = 2  # in the last trade
    def __new__(
        cls, *, folder: str | PathLike[str] | None = None, venue: str, heartbeat_timeout_ms: int = 1000
    ) -> Self:
        """Open a venue's segment.

        Raises:
            FileNotFoundError: nobody publishes there.
            ValueError: the venue cannot name a segment.
            OSError: the folder or file is not private, or is of another version.
        """
    def read(self, symbol_index: int, out: Any) -> _BookStatus:
        """Copy an instrument's record into `out`, a contiguous int64 buffer of exactly `record_words`.

        Without a record (`busy`, `torn`, `gone`) `out` is left as it is. No system call is made while the
        writer is heard of.

        Raises:
            ValueError: there is no such instrument, or `out` has another length.
            BufferError: `out` is read-only or not of int64.
        """
    def read_dict(self, symbol_index: int) -> dict[str, Any]:
        """The same for people.

        `status`, and with a record `publication`, `is_valid`, `event_ns`, `depth_received_ns`,
        `trade_received_ns`, `published_ns`, `last_update_id`, `last_trade` (id, price_ticks, size_lots,
        taker, trade_ns; or None), `bids` and `asks` (price_ticks, size_lots), `features` by name.
        """
    def writer(self) -> Literal["alive", "dead", "closed", "gone"]:
        """Ask the kernel what has become of the writer, whatever it said last: a few microseconds."""
    @property
    def writer_pid(self) -> int: ...
    @property
    def path(self) -> Path: ...
    @property
    def instruments(self) -> list[str]:
        """Their names, in the order of their numbers."""
    @property
    def features(self) -> list[str]:
        """Their names, in the order of the record."""
    @property
    def depth(self) -> int:
        """Levels a side."""
    @property
    def record_words(self) -> int: ...
    @property
    def bids_at(self) -> int: ...
    @property
    def asks_at(self) -> int: ...
    @property
    def features_at(self) -> int: ...
    @property
    def publication(self) -> int:
        """How often the record that was read last had been published."""

def clean_books(folder: str | PathLike[str] | None = None) -> list[Path]:
    """Remove a folder's segments whose writers are dead; returns them. Raises OSError as `BookPublisher`."""

@final
class L3Book:
    """The book by order: every resting order in its place in the queue of its price, and the levels.

    It holds what it is told, crossed or not. An operation on an order that is unknown, that rests already or
    that has fewer lots is a BookError; a size, price, side or id that no book takes is an OrderError.
    Order ids are below 2**63. Prices are within 2**56 ticks of zero, sizes are 1 to 2**56 lots.
    `window_ticks` (1 to 4194304) is as in `L2Book`.
    `units_per_tick` is how many of a feed's price units make a tick, for `apply_lobster` and `apply_itch`:
    both write prices in 1/10,000 dollar, so that a cent is 100.
    """

    def __new__(cls, *, window_ticks: int = 16384, units_per_tick: int = 1) -> Self: ...
    def apply(self, rows: Buffer) -> int:
        """Apply rows of a C-contiguous int64 buffer of n by 6; returns n.

        A row is kind, order_id, new_order_id, side (0 bid, 1 ask), price_ticks, size_lots. Kinds, and what of
        the rest they use:

        - 0 add (order_id, side, price_ticks, size_lots)
        - 1 cancel (order_id)
        - 2 reduce by size_lots (order_id, size_lots)
        - 3 execute size_lots (order_id, size_lots)
        - 4 replace, losing its place (order_id, new_order_id, price_ticks, size_lots)
        - 5 amend, keeping its place if the price stays and the size does not grow (order_id, price_ticks,
          size_lots)
        - 6 hidden execution: nothing changes

        The interpreter is not released.

        Raises:
            BookError: a row does not fit the book. The message names the row, counted from 0; the rows before
                it stay applied. So too with the others.
            OrderError: a row is no event, or its size or price is out of range.
            ValueError: the buffer has another shape. A buffer of other items is a BufferError.
        """
    def apply_lobster(self, lines: bytes, *, skip_unknown: bool = False) -> tuple[int, int]:
        """Apply whole lines of a LOBSTER message file, with the interpreter released.

        Returns (lines, lines skipped). LOBSTER begins at the opening, when unknown orders rest already:
        `seed` the levels that its book file shows. An event of an unknown order takes from what was seeded
        at its price; if there is nothing, it is a BookError, or skipped and counted with `skip_unknown`.

        Raises:
            BookError: a message does not fit the book, or says another side, price or, when it deletes, size
                than its order has. The message is named by its line, counted from 0; those before it stay
                applied.
            DecodeError: a line is malformed, or a displayed order's price lies between two ticks; as above.
        """
    def apply_itch(self, messages: bytes, stock_locate: int | None = None) -> int:
        """Apply whole length-prefixed NASDAQ ITCH 5.0 messages (its day files), the interpreter released.

        Returns the order messages (A, F, E, C, X, D, U) of the instrument `stock_locate`, or of all as if
        they were one book. Other messages are skipped.

        Raises:
            BookError: a message does not fit the book. It is named by its number among the order messages of
                the instrument, counted from 0; those before it stay applied.
            DecodeError: a message is malformed or cut off; as above.
        """
    def add(self, order_id: int, side: _Side, price_ticks: int, size_lots: int) -> None:
        """Rest a new order at the end of its price's queue."""
    def cancel(self, order_id: int) -> int:
        """Withdraw an order; returns the lots that it had."""
    def reduce(self, order_id: int, size_lots: int) -> int:
        """Withdraw part of an order, which keeps its place, or all of it; returns the lots left."""
    def execute(self, order_id: int, size_lots: int) -> int:
        """Trade an order, wherever it stands in its queue; returns the lots left."""
    def replace(self, order_id: int, new_order_id: int, price_ticks: int, size_lots: int) -> None:
        """Withdraw an order and rest another on its side, at the end of the queue. Ids may be equal."""
    def amend(self, order_id: int, price_ticks: int, size_lots: int) -> None:
        """Change an order, which keeps its place if the price stays and the size does not grow."""
    def seed(self, side: _Side, price_ticks: int, size_lots: int) -> int:
        """Rest lots of unknown orders at the end of a price's queue, once a price.

        Returns the id, not below 2**63, of the one order that stands for them. For `apply_lobster`.
        """
    def clear(self) -> None:
        """Forget every order."""
    def queue_position(self, order_id: int) -> tuple[int, int] | None:
        """(orders ahead, lots ahead) of an order at its price; None if it does not rest."""
    def order(self, order_id: int) -> tuple[int, _Side, int, int] | None:
        """An order as (order_id, side, price_ticks, size_lots); None if it does not rest."""
    def front(self, side: _Side) -> tuple[int, _Side, int, int] | None:
        """The order that is served next on a side, as `order`; None if the side is empty."""
    def orders(self, side: _Side, price_ticks: int) -> list[tuple[int, int]]:
        """The orders at a price as (order_id, size_lots), oldest first."""
    def top(self) -> tuple[int, int, int, int] | None:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots), or None if a side is empty."""
    def size_at(self, side: _Side, price_ticks: int) -> int:
        """The lots at a price; 0 where there is no level."""
    def levels(self, depth: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Best `depth` levels a side as (ticks, lots): bids downwards, asks upwards."""
    def __len__(self) -> int:
        """How many orders rest."""

@final
class RobustZScore:
    """Streaming robust z-score over a bounded window: (x - median) / (1.4826 · MAD).

    Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
    """

    def __new__(cls, *, window: int = 120, threshold: float = 6.0, min_samples: int = 30) -> Self: ...
    def update(self, value: float) -> tuple[float, float] | None:
        """Judge a value, then learn it: (score in [0, 1], z) if |z| exceeds the threshold, else None.

        Raises ValueError for NaN or infinity, which would poison the window.
        """

# severity ("calm", "watch" or "alarm"), score in [0, 1], causes, when the episode began (0: there is none),
# and the evidence of the strongest cause in words.
_Verdict: TypeAlias = tuple[Literal["calm", "watch", "alarm"], float, list[str], int, str]

@final
class AnomalyPanel:
    """The anomaly panel of one market, fed event by event; MarketFeed feeds its own.

    `window` and `threshold` are those of the returns: how many are remembered, and how many robust deviations
    are an anomaly. The other detectors' parameters are the core's. Times are the venue's.
    """

    def __new__(cls, *, window: int = 120, threshold: float = 8.0) -> Self: ...
    def on_trade(self, at_ns: int, price_ticks: int, size_lots: int, taker: _Side) -> None:
        """Take a trade; `taker` is the taker's side."""
    def on_level(
        self,
        at_ns: int,
        side: _Side,
        price_ticks: int,
        before_lots: int,
        after_lots: int,
        *,
        distance_ticks: int,
    ) -> None:
        """Take a changed level near the touch; the distance is from the best price of its side, outwards."""
    def on_book(
        self,
        at_ns: int,
        bid_ticks: int,
        bid_lots: int,
        ask_ticks: int,
        ask_lots: int,
        *,
        bid_depth_lots: int,
        ask_depth_lots: int,
    ) -> None:
        """Take the book after an update: best levels, and the size of the best 20 levels a side."""
    def set_reference(self, mid_ticks: float, at_ns: int) -> None:
        """Tell another venue's middle, in this instrument's ticks."""
    def set_peg(self, peg_ticks: float | None) -> None:
        """Tell the price that the instrument is pegged to, in ticks; None if it is not."""
    def verdict(self) -> _Verdict:
        """What all detectors together say at the latest event."""
    @property
    def abstaining(self) -> tuple[int, int]:
        """Detectors that abstain because they have not seen enough, and all detectors."""
    def take_alerts(self) -> list[tuple[int, str, float, str]]:
        """Alarms since the last call, as of `MarketFeed.take_alerts`."""
    def tick(self, features: Buffer, out: Buffer | None = None) -> int:
        """Judge rows of eight features (float64, C-contiguous n by 8); returns how many are alarms.

        Six detectors of constant cost, independent of the events: return (bp), spread (ticks), touch size,
        imbalance in [-1, 1], order flow, messages a second, share of cancels, trade size. Each row's score is
        written to `out`, a float64 buffer of n. A row that is not finite scores 0 and is not learnt.

        Raises:
            ValueError: a buffer is of another shape.
        """

@final
class SeriesPanel:
    """The anomaly panel of one plain series of numbers, whatever they measure.

    The values and their differences are judged by a robust z and an EWMA z (`threshold` deviations) and a
    Bayesian change-point detector, the values also by CUSUM and Page-Hinkley. After an alarm there is none
    for `suppression` values.
    """

    def __new__(
        cls, *, window: int = 240, threshold: float = 6.0, min_samples: int = 60, suppression: int = 200
    ) -> Self: ...
    def update(self, value: float) -> float:
        """Judge a value, then learn it: its score in [0, 1], 0.5 and more for an alarm.

        Raises ValueError for NaN or infinity; the panel is then as it was.
        """
    def scores(self, values: Buffer, out: Buffer) -> int:
        """Judge every value and write each one's score to `out`; returns the number of alarms.

        Both are float64 buffers of one length. Raises ValueError if they are not, or a value is not finite;
        the panel is then as it was.
        """
    def alarms(self, values: Buffer) -> list[tuple[int, str, float, str]]:
        """Judge every value; returns the alarms: (row, cause, score, evidence).

        Rows are counted from 0 since the panel's beginning. Raises ValueError as `scores` does.
        """
    def verdict(self) -> _Verdict:
        """What the detectors say of the last values, silence or not; `began` is a row."""
    @property
    def rows(self) -> int:
        """Values seen so far."""

__all__ = [
    "BUILD_PROFILE",
    "VERSION",
    "AnomalyPanel",
    "BookError",
    "BookPublisher",
    "BookReader",
    "CoreError",
    "DecodeError",
    "HaltFlag",
    "HistoryDecoder",
    "L2Book",
    "L3Book",
    "LobsterHistory",
    "MarketFeed",
    "OrderError",
    "RobustZScore",
    "SeriesPanel",
    "SimulatedVenue",
    "Simulator",
    "SyntheticMarket",
    "clean_books",
    "twap_schedule",
    "vwap_schedule",
]
