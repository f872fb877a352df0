"""A backtest on recorded frames, from settings to its result."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from openoutcry.assembly.replay_pace import in_market_time
from openoutcry.assembly.settings import Settings, config_hash
from openoutcry.assembly.versions import versions
from openoutcry.backtesting.account_curve import bought_and_held
from openoutcry.backtesting.assumptions import instrument_sentences, replay_assumptions
from openoutcry.backtesting.equity import EquityCurve, equity_curve
from openoutcry.backtesting.funding_cover import funding_sentences
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.idleness import with_idle_reason
from openoutcry.backtesting.recorded_frames import RecordedFrames
from openoutcry.backtesting.replay_backtest import SETTLE_NS, Frame, ReplayBacktest, Witness
from openoutcry.backtesting.result import BacktestResult, Curve
from openoutcry.backtesting.runner import parameters_of, run_id_of
from openoutcry.domain.errors import InvalidInputError, MissingDataError, OpenOutcryError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed
from openoutcry.native import DecodeError
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.authorship import own_source_sha256
from openoutcry.strategies.strategy import Strategy

FRAMES_A_STEP = 2_000  # between two calls of `progress`

Progress = Callable[[int, int], None]
"""Called with the frames done and their number."""


def run_recording(
    data: RecordedFrames,
    strategy: Strategy,
    settings: Settings,
    *,
    speed: float = 1.0,
    plugins: Plugins | None = None,
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    witness: Witness | None = None,
) -> BacktestResult:
    """Trade a strategy on a recording as `run --paper` would, but at once and the same each time.

    The settings' durations are those of a replay at `speed`. `parameters` are those that the strategy was
    made with, if not its fields. `witness` is shown every message that a run would have journaled.

    Raises:
        MissingDataError: no candle closes in the recording.
        InvalidInputError: a frame is malformed, or the strategy needs what a run does not show.
        OpenOutcryError: the strategy failed.
    """
    began_s = time.perf_counter()
    instrument, market_settings = data.instrument, in_market_time(settings, speed)
    parameters = parameters_of(strategy) if parameters is None else parameters
    costs = settings.backtest
    hashed = config_hash(market_settings)
    seen = [data.dataset.sha256, instrument.symbol, speed]
    code = own_source_sha256(strategy)
    run_id = run_id_of([hashed, strategy.name, code, parameters, seen])
    backtest = ReplayBacktest(
        instrument, strategy, market_settings, run_id=run_id, plugins=plugins, witness=witness
    )
    account = _traded(backtest, data, progress)
    _check_account(backtest, account, costs.cash_atoms)
    chronicle = backtest.chronicle
    result = BacktestResult(
        run_id=run_id,
        strategy=strategy.name,
        parameters=parameters,
        instruments={instrument.symbol: instrument},
        datasets=(data.dataset,),
        seed=settings.seed,
        settings=msgspec.to_builtins(market_settings),
        config_hash=hashed,
        versions=versions(),
        opening_atoms=costs.cash_atoms,
        curve=_curve(backtest, account, costs.cash_atoms, costs.taker_fee_ppm),
        fills=tuple(chronicle.fills),
        fees_atoms=account.fees_quote_atoms,
        funding_atoms=0,
        counts=dict(sorted({**chronicle.counts, **chronicle.ends}.items())),
        refusals=dict(sorted(chronicle.refusals.items())),
        assumptions=(
            *replay_assumptions(settings, data.shift_ns, speed, SETTLE_NS),
            *funding_sentences([instrument], (), ""),
            *instrument_sentences([instrument]),
        ),
        halt_reason=backtest.floor.halt_reason,
        unfilled=backtest.unfilled,
        replay_speed=speed,
        source_sha256=code,
        wall_s=time.perf_counter() - began_s,
    )
    warmup = max(strategy.warmup, settings.strategy.intents.volatility_candles + 1)
    return with_idle_reason(result, warmup=warmup, candles=len(backtest.candles))


def _traded(backtest: ReplayBacktest, data: RecordedFrames, progress: Progress | None) -> EquityCurve:
    """Run it, and account for it candle by candle."""
    try:
        backtest.run(_told(data, progress))
    except DecodeError as error:
        raise InvalidInputError(
            f"{data.dataset.path} cannot be replayed ({error}); look at it with `openoutcry data check`"
        ) from error
    if not backtest.candles:
        raise MissingDataError(f"{data.dataset.path} is over before a candle closes; give a longer recording")
    fills = [(int(fill.at_ns), fill) for fill in backtest.chronicle.fills]
    return equity_curve(data.instrument, backtest.candles, fills)


def _told(data: RecordedFrames, progress: Progress | None) -> Iterator[Frame]:
    total = data.dataset.rows
    for done, frame in enumerate(data.frames(), start=1):
        yield frame
        if progress is not None and done % FRAMES_A_STEP == 0:
            progress(done, total)


def _curve(backtest: ReplayBacktest, account: EquityCurve, opening_atoms: int, taker_fee_ppm: int) -> Curve:
    """The account at each candle's close; what trades after the last close is in its value at the end."""
    series = candle_series(account.instrument, backtest.candles)
    equity = np.array([opening_atoms + point.net_atoms for point in account.points], np.int64)
    position = np.array([point.position_lots for point in account.points], np.int64)
    times, benchmark = series.close_ns, bought_and_held(series, opening_atoms, taker_fee_ppm)
    price = series.close_ticks
    if any(fill.at_ns > times[-1] for fill in backtest.chronicle.fills):
        last_ns = max(backtest.end_ns, backtest.chronicle.fills[-1].at_ns)
        times = np.append(times, np.int64(last_ns))
        equity = np.append(equity, np.int64(opening_atoms + account.net_atoms))
        position = np.append(position, np.int64(account.position_lots))
        benchmark, price = np.append(benchmark, benchmark[-1]), np.append(price, price[-1])
    return Curve(
        times_ns=times,
        equity_atoms=equity,
        benchmark_atoms=benchmark,
        position_lots=position,
        price_ticks=price,
    )


def candle_series(instrument: Instrument, candles: Sequence[CandleClosed]) -> CandleSeries:
    """Candles of a feed as columns."""
    names = ("open_ns", "open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots")
    columns = {name: np.array([getattr(each, name) for each in candles], np.int64) for name in names}
    return CandleSeries(instrument, candles[0].close_ns - candles[0].open_ns, **columns)


def _check_account(backtest: ReplayBacktest, account: EquityCurve, opening_atoms: int) -> None:
    """The desk's ledger and the curve count the same fills apart from each other."""
    instrument, ledger = account.instrument, backtest.execution.ledger
    symbol, price = instrument.symbol, backtest.candles[-1].close_ticks
    held = ledger.base_atoms(symbol) * price * instrument.atoms_per_tick_lot // instrument.base_atoms_per_lot
    total = ledger.cash_atoms(symbol) + held
    if total != opening_atoms + account.net_atoms:
        raise OpenOutcryError(
            f"the ledger holds {total} atoms, the curve {opening_atoms + account.net_atoms}; "
            "this is an error of openoutcry, please report it with the settings and the data"
        )
