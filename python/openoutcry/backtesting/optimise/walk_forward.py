"""Out of sample: each window's best on the candles after its training, through the deciders, as one account.

The account goes on from window to window. Where one ends its position is closed at the last close, for a
taker's fee, and the next window's strategy begins flat; it has seen its warm-up of candles before the window.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

from openoutcry.assembly.backtest_settings import PPM
from openoutcry.assembly.settings import Settings, config_hash
from openoutcry.assembly.versions import versions
from openoutcry.backtesting.assumptions import assumptions
from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.backtesting.funding_cover import with_cover
from openoutcry.backtesting.idleness import with_idle_reason
from openoutcry.backtesting.marks import joint_curve
from openoutcry.backtesting.result import BacktestResult, Curve
from openoutcry.backtesting.runner import parameters_of, run_candle_markets
from openoutcry.backtesting.statistics.round_trips import OPENING_SIGN
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import NS_PER_S, PriceTicks, SizeLots, TimestampNs
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.strategy import Strategy

HANDOVER: Final = (
    "out of sample only: each window's parameters were chosen on the time before it; a position is closed at "
    "the window's last close for a taker's fee, and the next window begins flat"
)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A window out of sample: candles `start` up to `stop`, and the strategy chosen before."""

    start: int
    stop: int
    strategy: Strategy


def walk(
    pieces: Sequence[Piece],
    markets: Sequence[CandleMarket],
    settings: Settings,
    *,
    plugins: Plugins | None = None,
    progress: Callable[[int], None] | None = None,
) -> BacktestResult:
    """Run the pieces, which follow each other without a gap, and join them. The markets are `in_step`.

    `progress` is told how many are done.

    Raises:
        InvalidInputError: an account was ruined in a window, so the next cannot begin.
        OpenOutcryError: a strategy failed.
    """
    opening = settings.backtest.cash_atoms
    cash, results = opening, []
    for number, piece in enumerate(pieces):
        result = _run(piece, markets, settings, cash_atoms=cash, plugins=plugins)
        if number + 1 < len(pieces):
            result = _closed(result, settings)
        results.append(result)
        cash = int(result.curve.equity_atoms[-1])
        if cash <= 0 and number + 1 < len(pieces):
            raise InvalidInputError(
                f"the account was ruined out of sample, in window {number + 1}; search other parameters"
            )
        if progress is not None:
            progress(number + 1)
    return _joined(pieces, results, markets, settings)


def _run(
    piece: Piece,
    markets: Sequence[CandleMarket],
    settings: Settings,
    *,
    cash_atoms: int,
    plugins: Plugins | None,
) -> BacktestResult:
    """One window with the account as it is, its warm-up before it; the curve is of the window only."""
    warmup = max(piece.strategy.warmup, settings.strategy.intents.volatility_candles + 1)
    start = max(piece.start - warmup, 0)
    costs = msgspec.structs.replace(settings.backtest, cash_atoms=cash_atoms)
    account = msgspec.structs.replace(settings, backtest=costs)
    result = run_candle_markets(
        [market.slice(start, piece.stop) for market in markets], piece.strategy, account, plugins=plugins
    )
    part = slice(piece.start - start, None)
    curve = Curve(*(getattr(result.curve, name)[part] for name in Curve.__slots__))
    return _replace(result, curve=curve)


def _closed(result: BacktestResult, settings: Settings) -> BacktestResult:
    """The same with its positions closed at the last close."""
    at_ns = int(result.curve.times_ns[-1])
    closing = [
        _closing(instrument, held, result.marks[symbol], at_ns, settings.backtest.taker_fee_ppm)
        for symbol, instrument in result.instruments.items()
        if (held := _held(result, symbol, at_ns))
    ]
    if not closing:
        return result
    fees = sum(fill.fee_atoms for fill in closing)
    curve = result.curve
    equity, position = curve.equity_atoms.copy(), curve.position_lots.copy()
    equity[-1] -= fees
    position[-1] = 0
    return _replace(
        result,
        curve=Curve(curve.times_ns, equity, curve.benchmark_atoms, position, curve.price_ticks),
        fills=(*result.fills, *closing),
        fees_atoms=result.fees_atoms + fees,
    )


def _held(result: BacktestResult, symbol: str, at_ns: int) -> int:
    """Lots held before a moment."""
    return sum(
        fill.size_lots * OPENING_SIGN[fill.side]
        for fill in result.fills
        if fill.symbol == symbol and fill.at_ns < at_ns
    )


def _closing(instrument: Instrument, held: int, price: int, at_ns: int, taker_fee_ppm: int) -> Fill:
    name = f"handover:{instrument.symbol}:{at_ns}"
    return Fill(
        id=f"fill:{name}",
        cause_id=name,
        symbol=instrument.symbol,
        parent_id=name,
        client_order_id=name,
        venue_order_id=name,
        trade_id=name,
        side="sell" if held > 0 else "buy",
        price_ticks=PriceTicks(price),
        size_lots=SizeLots(abs(held)),
        fee_atoms=instrument.part_atoms(price, abs(held), taker_fee_ppm, PPM),
        fee_asset=instrument.settlement,
        liquidity="taker",
        at_ns=TimestampNs(at_ns),
    )


def _joined(
    pieces: Sequence[Piece],
    results: Sequence[BacktestResult],
    markets: Sequence[CandleMarket],
    settings: Settings,
) -> BacktestResult:
    opening, series = settings.backtest.cash_atoms, markets[0].series
    whole = [market.series.slice(pieces[0].start, pieces[-1].stop) for market in markets]
    rates = {market.symbol: market.funding for market in markets if market.funding is not None}
    held = joint_curve(whole, opening, (), {}, settings.backtest.taker_fee_ppm, rates=rates)
    curve = Curve(
        times_ns=held.times_ns,
        equity_atoms=np.concatenate([result.curve.equity_atoms for result in results]),
        benchmark_atoms=held.benchmark_atoms,
        position_lots=np.concatenate([result.curve.position_lots for result in results]),
        price_ticks=held.price_ticks,
    )
    records = (record for market in markets for record in market.records)
    datasets = tuple(with_cover(records, rates, curve.times_ns))
    halts = [result.halt_reason for result in results if result.halt_reason]
    joined = BacktestResult(
        run_id="",  # the run store gives it one
        strategy=results[0].strategy,
        parameters={
            f"from {_day(int(result.curve.times_ns[0]) - series.interval_ns)}": dict(
                parameters_of(piece.strategy)
            )
            for piece, result in zip(pieces, results, strict=True)
        },
        instruments=results[0].instruments,
        datasets=datasets,
        seed=settings.seed,
        settings=msgspec.to_builtins(settings),
        config_hash=config_hash(settings),
        versions=versions(),
        opening_atoms=opening,
        curve=curve,
        fills=tuple(fill for result in results for fill in result.fills),
        fees_atoms=sum(result.fees_atoms for result in results),
        funding_atoms=sum(result.funding_atoms for result in results),
        counts=dict(sum((Counter(result.counts) for result in results), Counter())),
        refusals=dict(sum((Counter(result.refusals) for result in results), Counter())),
        assumptions=(*assumptions(settings, [each.instrument for each in whole], datasets), HANDOVER),
        halt_reason="; ".join(halts),
        marks=results[-1].marks,
        source_sha256=results[0].source_sha256,
        wall_s=sum(result.wall_s for result in results),
    )
    return with_idle_reason(joined, warmup=0, candles=len(curve))


def _day(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // NS_PER_S, tz=UTC):%Y-%m-%d %H:%M}"


def _replace(result: BacktestResult, **changes: Any) -> BacktestResult:
    fields = {name: getattr(result, name) for name in BacktestResult.__slots__}
    return BacktestResult(**{**fields, **changes})
