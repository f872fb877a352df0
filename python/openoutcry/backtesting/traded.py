"""What a run traded, order by order, in one form: a backtest's result or a run's journals."""

import re
import statistics
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from openoutcry.backtesting.equity import market_time_ns
from openoutcry.backtesting.journals import RunJournals
from openoutcry.backtesting.replay_clock import ReplayClock
from openoutcry.backtesting.result import BacktestResult
from openoutcry.backtesting.summary import curves_of
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Done, Fill, Refused, intent_of
from openoutcry.domain.units import NS_PER_S, Side

_CANDLE: Final = re.compile(r"candle:.+:(\d+)")


class TradedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What one intent came to. `cost` is the sum of price times size, in tick·lots; fees in quote atoms.

    `caused_ns` is the close that led to the order, None where it is not known; `first_ns` when it first
    traded, None where the venue's clock is not the market's.
    """

    intent_id: str
    symbol: str
    side: Side
    caused_ns: int | None
    first_ns: int | None
    size_lots: int
    cost: int
    fees_atoms: int
    fills: int

    @property
    def candle_id(self) -> str:
        """The candle that caused it, or its intent's id if that names none."""
        found = _CANDLE.search(self.intent_id)
        return found[0] if found else self.intent_id

    @property
    def latency_ns(self) -> int | None:
        """From the cause to the first trade, in the market's time."""
        if self.caused_ns is None or self.first_ns is None:
            return None
        return self.first_ns - self.caused_ns


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """A run's orders by intent, what became of wishes that never traded, and the profit they must explain.

    Amounts are atoms of `quote`. `marks` value what is held at the end, in ticks by symbol. `funding_atoms`
    was paid. `unfilled` says by intent's id why it did not trade: a check that refused it, or how its
    order ended. `notes` are what is known of refusals without their intents, and of latencies.
    `rounding_atoms` is what the profit has beyond the orders because fees in the base asset are rounded
    together there, and one by one here. `is_time_estimated`: when its orders traded was told from a replay's
    pace.
    """

    name: str
    mode: str
    quote: str
    instruments: dict[str, Instrument]
    orders: dict[str, TradedOrder]
    unfilled: dict[str, str]
    marks: dict[str, int]
    net_atoms: int
    funding_atoms: int = 0
    notes: tuple[str, ...] = ()
    rounding_atoms: int = 0
    is_time_estimated: bool = False


def traded_in_backtest(result: BacktestResult) -> Traded:
    """A backtest's orders. Over candles, refusals are kept as counts by check, not by intent.

    Raises:
        InvalidInputError: its symbols have several quote assets.
    """
    marks = {fill.symbol: int(fill.price_ticks) for fill in result.fills}
    if len(result.curve):
        marks[result.symbol] = int(result.curve.price_ticks[-1])
    marks |= result.marks
    refused = tuple(f"{check} refused {count} intents" for check, count in sorted(result.refusals.items()))
    return Traded(
        name=result.run_id,
        mode="backtest",
        quote=_quote(result.run_id, result.instruments),
        instruments=dict(result.instruments),
        orders=_orders(((fill, fill.at_ns) for fill in result.fills), result.instruments, marks, {}),
        unfilled=dict(result.unfilled),
        marks=marks,
        net_atoms=result.net_atoms,
        funding_atoms=result.funding_atoms,
        notes=refused,
        rounding_atoms=_rounding(result.fills, result.instruments, marks),
    )


def traded_in_run(run: RunJournals) -> Traded:
    """A paper or live run's orders, from its journals.

    Raises:
        InvalidInputError: it has several quote assets, or the grid of a symbol that traded is not recorded.
    """
    record, instruments = run.record, run.record.instruments
    curves = curves_of(run)
    caused = {planned.approved.id: int(planned.approved.intent.event_ns) for planned in run.parents}
    unknown = sorted({fill.symbol for fill in run.fills} - set(instruments))
    if unknown:
        raise InvalidInputError(
            f"{record.run_id}: no grid is recorded for {', '.join(unknown)}; it cannot be compared"
        )
    marks = {fill.symbol: int(fill.price_ticks) for fill in run.fills}
    marks |= {
        candle.symbol: int(candle.close_ticks) for candle in run.candles if candle.symbol in instruments
    }
    clock = ReplayClock.of_run(run)
    timed = ((fill, _market_ns(run, fill, clock)) for fill in run.fills)
    orders = _orders(timed, instruments, marks, caused)
    ends = {intent_of(done.parent_id): end_text(done) for done in run.done}
    refused = {each.intent_id: refusal_text(each) for each in run.refusals}
    return Traded(
        name=record.run_id,
        mode=record.mode,
        quote=_quote(record.run_id, instruments),
        instruments=dict(instruments),
        orders=orders,
        unfilled={intent: why for intent, why in {**refused, **ends}.items() if intent not in orders},
        marks=marks,
        net_atoms=sum(curve.net_atoms for curve in curves.values()),
        notes=_latency_note(orders.values()) if clock is not None else (),
        rounding_atoms=_rounding(run.fills, instruments, marks),
        is_time_estimated=clock is not None,
    )


def _latency_note(orders: Iterable[TradedOrder]) -> tuple[str, ...]:
    """How late a replay's orders were: in a fast market it decides what trades at all."""
    late = [order.latency_ns for order in orders if order.latency_ns is not None]
    if not late:
        return ()
    middle_s = statistics.median(late) / NS_PER_S
    return (f"orders first traded about {middle_s:.3g} s of the market's time after their cause (median)",)


def refusal_text(refused: Refused) -> str:
    """Why an intent was not allowed."""
    return f"refused by {refused.check}: limit {refused.limit}, value {refused.value}"


def end_text(done: Done) -> str:
    """How an order ended that did not trade."""
    return f"ordered, ended as {done.reason}"


def _market_ns(run: RunJournals, fill: Fill, clock: ReplayClock | None) -> int | None:
    """When a fill was in the market's time; None if the venue stamped it with a clock that is not known."""
    at_ns = market_time_ns(fill, [*run.candles[:1], *run.candles[-1:]], -1)
    if at_ns >= 0:
        return at_ns
    return None if clock is None else clock.market_time_ns(fill.at_ns)


def _orders(
    fills: Iterable[tuple[Fill, int | None]],
    instruments: Mapping[str, Instrument],
    marks: Mapping[str, int],
    caused: Mapping[str, int],
) -> dict[str, TradedOrder]:
    """Sum up the fills of each intent."""
    orders: dict[str, TradedOrder] = {}
    for fill, at_ns in fills:
        intent_id = intent_of(fill.parent_id)
        found = _CANDLE.search(intent_id)
        named_ns = int(found[1]) if found else None
        piece = TradedOrder(
            intent_id=intent_id,
            symbol=fill.symbol,
            side=fill.side,
            caused_ns=caused.get(fill.parent_id, named_ns),
            first_ns=at_ns,
            size_lots=fill.size_lots,
            cost=fill.price_ticks * fill.size_lots,
            fees_atoms=_fee(fill, instruments[fill.symbol], marks[fill.symbol]),
            fills=1,
        )
        orders[intent_id] = _joined(orders[intent_id], piece) if intent_id in orders else piece
    return orders


def _joined(order: TradedOrder, piece: TradedOrder) -> TradedOrder:
    times = [at_ns for at_ns in (order.first_ns, piece.first_ns) if at_ns is not None]
    return msgspec.structs.replace(
        order,
        first_ns=min(times, default=None),
        size_lots=order.size_lots + piece.size_lots,
        cost=order.cost + piece.cost,
        fees_atoms=order.fees_atoms + piece.fees_atoms,
        fills=order.fills + piece.fills,
    )


def _fee(fill: Fill, instrument: Instrument, mark_ticks: int) -> int:
    """A fee in quote atoms. One in the base asset is missing from what is valued at the end."""
    if fill.fee_asset == instrument.quote:
        return fill.fee_atoms
    if fill.fee_asset == instrument.base:
        value = fill.fee_atoms * mark_ticks * instrument.atoms_per_tick_lot
        return value // instrument.base_atoms_per_lot
    return 0


def _rounding(fills: Iterable[Fill], instruments: Mapping[str, Instrument], marks: Mapping[str, int]) -> int:
    """Fees in base assets valued fill by fill (down), less their sum valued at once (up): 0 or below."""
    one_by_one, together = 0, dict.fromkeys(instruments, 0)
    for fill in fills:
        instrument = instruments[fill.symbol]
        if fill.fee_asset == instrument.base != instrument.quote:
            one_by_one += _fee(fill, instrument, marks[fill.symbol])
            together[fill.symbol] += fill.fee_atoms
    at_once = 0
    for symbol, fee_atoms in together.items():
        if fee_atoms:
            instrument = instruments[symbol]
            value = fee_atoms * marks[symbol] * instrument.atoms_per_tick_lot
            at_once += -(-value // instrument.base_atoms_per_lot)
    return one_by_one - at_once


def _quote(name: str, instruments: Mapping[str, Instrument]) -> str:
    quotes = sorted({instrument.quote for instrument in instruments.values()})
    if len(quotes) != 1:
        raise InvalidInputError(
            f"{name} has {len(quotes)} quote assets ({', '.join(quotes)}); compare runs in one asset"
        )
    return quotes[0]
