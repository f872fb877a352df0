"""Orders through live trading's deciders: strategy desk, risk officer, execution desk, the candles' venue."""

import json
import statistics
import time

import numpy as np
from benches.work import Contender, Work

from openoutcry.assembly.backtest_settings import backtest_defaults
from openoutcry.assembly.settings import load_settings
from openoutcry.backtesting.candle_backtest import CandleBacktest
from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.execution.commands import SubmitOrder
from openoutcry.strategies.strategy import Candles, Strategy

PARENTS = 300
SLICES = 20
INTERVAL_NS = 30 * NS_PER_S
START_NS = 1_704_067_200 * NS_PER_S
CASH_ATOMS = 1_000_000 * ATOMS_PER_UNIT
WARMUP = 3
COIN = Instrument(
    venue="binance",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.01",
    size_step="0.001",
    min_size_lots=1,
    max_size_lots=10**9,
    min_notional_atoms=0,
)


class InAndOut(Strategy, frozen=True):
    """In at one candle, out at the next."""

    warmup: Candles = WARMUP

    def observe(self, market):
        return self.hold((market.now_ns // INTERVAL_NS) % 2, "in and out")


class TimedInAndOut(InAndOut, frozen=True):
    """Notes when it is asked."""

    began_ns = [0]  # noqa: RUF012  a place, not a default

    def observe(self, market):
        self.began_ns[0] = time.perf_counter_ns()
        return super().observe(market)


def prepare(folder):
    facts = {"parents": PARENTS, "slices": SLICES, "seconds_a_parent": INTERVAL_NS // NS_PER_S}
    (folder / "facts.json").write_text(json.dumps(facts))


def candles(count):
    """A price that hardly moves, and volume enough for every order."""
    opens = 4_200_000 + np.arange(count, dtype=np.int64) % 2
    times_ns = START_NS + np.arange(count, dtype=np.int64) * INTERVAL_NS
    volume = np.full(count, 10**8, np.int64)
    return CandleSeries(COIN, INTERVAL_NS, times_ns, opens, opens + 5, opens - 5, opens + 1, volume)


def new_backtest(strategy, count, **changes):
    costs = {
        "backtest.order_latency_ns": 0,
        "backtest.report_latency_ns": 0,
        "strategy.intents.volatility_candles": 2,
    }
    named = {name.replace("__", "."): value for name, value in changes.items()}
    settings = load_settings(None, backtest_defaults(COIN, CASH_ATOMS, 1_000) | costs | named)
    return CandleBacktest([CandleMarket(candles(count))], strategy, settings, run_id="bench")


class Slices(Contender):
    """A parent order each half a minute, in 20 slices; the whole backtest by the slices."""

    def __init__(self, folder):
        self.facts = json.loads((folder / "facts.json").read_text())
        self.units = PARENTS * SLICES

    def round(self):
        self.backtest = new_backtest(
            InAndOut(),
            PARENTS + WARMUP,  # the last candle's order is cut short by the end
            strategy__intents__twap_change=0.5,
            strategy__intents__horizon_ns=SLICES * NS_PER_S,
        )
        start_ns = time.thread_time_ns()
        self.backtest.run(None, None)
        return time.thread_time_ns() - start_ns

    def state(self):
        return [self.backtest.chronicle.counts["fills"]]


def filled(_folder):
    return [PARENTS * SLICES]


class ToOrder(Contender):
    """From the strategy being asked to the order at the venue's door: sizing, review, journal; wall time."""

    units = 1

    def __init__(self, folder):
        pass

    def round(self):
        backtest = new_backtest(TimedInAndOut(), PARENTS + WARMUP - 1)
        venue = backtest.venues[COIN.symbol]
        self.taken_ns, take = [], venue.take

        def timed(command, now_ns):
            if isinstance(command, SubmitOrder):
                self.taken_ns.append(time.perf_counter_ns() - TimedInAndOut.began_ns[0])
            return take(command, now_ns)

        venue.take = timed
        backtest.run(None, None)
        return round(statistics.median(self.taken_ns))

    def state(self):
        return [len(self.taken_ns)]


def each_candle(_folder):
    return [PARENTS]


WORKS = [
    Work(
        name="candle_to_order",
        title="from a candle to the order sent, sized, reviewed and journaled, wall time, p50",
        unit="",
        reach=None,
        prepare=prepare,
        ours=ToOrder,
        truth=each_candle,
    ),
    Work(
        name="twap_slice",
        title="300 TWAPs of 20 slices in a backtest",
        unit="slice",
        reach=15_000,
        prepare=prepare,
        ours=Slices,
        truth=filled,
        peers={"nautilus 2.0.0rc6": "nautilus_slices:Slices"},
    ),
]
