"""hftbacktest on the same events: its no-op, and its market maker as everybody writes one, compiled by numba.

Compiling is not timed; its seconds are the row's remark. Its figures are floats: `state` makes lots of them.
"""

import time

import numpy as np
from hftbacktest import (
    BUY,
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit, uint64
from unavailable import UnavailableError

TICK, LOT = 0.1, 0.001
ASK = 256
MS = 1_000_000
END_OF_DATA = 1
FIRST_ROWS = 20_000


def events(rows):
    found = np.zeros(len(rows), event_dtype)
    kind = np.where(rows[:, 2] % ASK == 1, DEPTH_EVENT, TRADE_EVENT).astype(np.uint64)
    side = np.where(rows[:, 2] < ASK, BUY_EVENT, SELL_EVENT).astype(np.uint64)
    found["ev"] = np.uint64(EXCH_EVENT) | np.uint64(LOCAL_EVENT) | side | kind
    found["exch_ts"], found["local_ts"] = rows[:, 0], rows[:, 1]
    found["px"] = np.round(rows[:, 3] * TICK, 8)
    found["qty"] = np.round(rows[:, 4] * LOT, 8)
    return found


@njit
def elapse(backtest, step_ns):
    """The steps, and what ended them."""
    steps = 0
    while True:
        code = backtest.elapse(step_ns)
        if code != 0:
            return steps, code
        steps += 1


@njit
def make_market(backtest, step_ns):  # noqa: C901  numba compiles it as a whole
    tick = backtest.depth(0).tick_size
    steps = 0
    while True:
        code = backtest.elapse(step_ns)
        if code != 0:
            return steps, code
        steps += 1
        backtest.clear_inactive_orders(0)
        depth, held = backtest.depth(0), backtest.position(0)
        middle = (depth.best_bid + depth.best_ask) / 2.0
        if not middle > 0:
            continue
        middle -= 0.05 * held * tick * 100
        bid = min(np.floor((middle - 2 * tick) / tick), depth.best_bid_tick)
        ask = max(np.ceil((middle + 2 * tick) / tick), depth.best_ask_tick)
        wants_bid, wants_ask = held < 1, held > -1
        orders = backtest.orders(0).values()
        while orders.has_next():
            order = orders.get()
            if order.side == BUY:
                if order.price_tick == bid:
                    wants_bid = False
                elif order.cancellable:
                    backtest.cancel(0, order.order_id, False)
            elif order.price_tick == ask:
                wants_ask = False
            elif order.cancellable:
                backtest.cancel(0, order.order_id, False)
        if wants_bid:
            backtest.submit_buy_order(0, uint64(bid), bid * tick, 0.01, GTX, LIMIT, False)
        if wants_ask:
            backtest.submit_sell_order(0, uint64(ask), ask * tick, 0.01, GTX, LIMIT, False)


class Replay:
    engine, strategy, step_ns = None, staticmethod(elapse), 1_000 * MS
    partial = False

    def __init__(self, folder):
        rows = np.load(folder / "rows.npy")
        self.events, self.units, self.code = events(rows), len(rows), END_OF_DATA
        prices = rows[:, 3] * TICK
        self.lowest, self.highest = (float(np.percentile(prices, share)) for share in (0.5, 99.5))
        start_ns = time.thread_time_ns()
        self.run(self.new_backtest(self.events[:FIRST_ROWS]))
        self.remark = f"after {(time.thread_time_ns() - start_ns) / 1e9:.1f} s of compiling"

    def new_backtest(self, data):
        asset = BacktestAsset().data([data]).linear_asset(1.0)
        asset = asset.constant_order_latency(500_000, 500_000).power_prob_queue_model(2.0)
        asset = asset.partial_fill_exchange() if self.partial else asset.no_partial_fill_exchange()
        asset = asset.trading_value_fee_model(-0.00005, 0.0007).tick_size(TICK).lot_size(LOT)
        asset = asset.roi_lb(self.lowest).roi_ub(self.highest).last_trades_capacity(0)
        return self.engine([asset])

    def run(self, backtest):
        self.steps, self.code = self.strategy(backtest, self.step_ns)
        self.end = self.ended(backtest)
        backtest.close()

    def ended(self, backtest):
        depth = backtest.depth(0)
        sizes = (depth.bid_qty_at_tick(depth.best_bid_tick), depth.ask_qty_at_tick(depth.best_ask_tick))
        bid_lots, ask_lots = (round(size / LOT) for size in sizes)
        return [int(depth.best_bid_tick), bid_lots, int(depth.best_ask_tick), ask_lots]

    def round(self):
        backtest = self.new_backtest(self.events)
        start_ns = time.thread_time_ns()
        self.steps, self.code = self.strategy(backtest, self.step_ns)
        taken_ns = time.thread_time_ns() - start_ns
        self.end = self.ended(backtest)
        backtest.close()
        return taken_ns

    def state(self):
        return self.end


class MarketMaker(Replay):
    strategy, step_ns = staticmethod(make_market), 10 * MS

    def ended(self, backtest):
        values = backtest.state_values(0)
        return [self.steps, round(values.position / LOT), int(values.num_trades), 0]


class Aborting(MarketMaker):
    """Its exchange with partial fills, which may give up on the way."""

    partial = True

    def __init__(self, folder):
        super().__init__(folder)
        self.round()
        if self.code != END_OF_DATA:
            raise UnavailableError(f"aborts with code {self.code} after {self.steps:,} decisions")


class MapReplay(Replay):
    engine = staticmethod(HashMapMarketDepthBacktest)


class VectorReplay(Replay):
    engine = staticmethod(ROIVectorMarketDepthBacktest)


class MapMarketMaker(MarketMaker):
    engine = staticmethod(HashMapMarketDepthBacktest)


class VectorMarketMaker(MarketMaker):
    engine = staticmethod(ROIVectorMarketDepthBacktest)


class MapSlowMarketMaker(MapMarketMaker):
    step_ns = 100 * MS


class VectorSlowMarketMaker(VectorMarketMaker):
    step_ns = 100 * MS


class MapPartialMarketMaker(Aborting):
    engine = staticmethod(HashMapMarketDepthBacktest)


class VectorPartialMarketMaker(Aborting):
    engine = staticmethod(ROIVectorMarketDepthBacktest)
