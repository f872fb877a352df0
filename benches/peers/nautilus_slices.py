"""nautilus-trader's native TWAP in a backtest: 20 slices a parent, a quote a second."""

import json
import time

import nautilus_engine
from nautilus_trader.model import ExecAlgorithmId, OrderSide
from nautilus_trader.trading import ExecutionAlgorithmConfig

NS_PER_S = 1_000_000_000
PRICE_DIGITS = 2
PRICE_TICKS = 4_200_000
START_NS = 1_704_067_200 * NS_PER_S


class Parents(nautilus_engine.OnQuotes):
    """A new parent as often as ours, bought and sold in turn."""

    def __init__(self, config, facts):
        super().__init__(config)
        self.facts, self.seen, self.fills = facts, 0, 0

    def on_quote(self, _quote):
        if self.seen % self.facts["seconds_a_parent"] == 0:
            parents = self.seen // self.facts["seconds_a_parent"]
            slices = self.facts["slices"]
            self.submit_order(
                self.order_factory.market(
                    nautilus_engine.INSTRUMENT,
                    OrderSide.SELL if parents % 2 else OrderSide.BUY,
                    nautilus_engine.quantity(100 * slices),
                    exec_algorithm_id=ExecAlgorithmId("TWAP"),
                    exec_algorithm_params={"horizon_secs": str(slices), "interval_secs": "1"},
                )
            )
        self.seen += 1

    def on_order_filled(self, _event):
        self.fills += 1


class Slices:
    def __init__(self, folder):
        facts = json.loads((folder / "facts.json").read_text())
        self.units = facts["parents"] * facts["slices"]
        self.engine = nautilus_engine.new_engine(PRICE_DIGITS)
        self.engine.add_native_exec_algorithm("TwapAlgorithm", ExecutionAlgorithmConfig("TWAP"))
        quote = (PRICE_TICKS, PRICE_TICKS + 1, 10_000_000, 10_000_000)
        seconds = facts["parents"] * facts["seconds_a_parent"]
        self.engine.add_data(
            [
                nautilus_engine.quote((START_NS + second * NS_PER_S, *quote), PRICE_DIGITS)
                for second in range(seconds)
            ]
        )
        self.strategy = nautilus_engine.new_strategy(Parents, facts)
        self.engine.add_strategy(self.strategy)
        self.has_run = False

    def round(self):
        if self.has_run:
            self.engine.reset()
        self.has_run = True
        self.strategy.seen = self.strategy.fills = 0
        start_ns = time.thread_time_ns()
        self.engine.run()
        return time.thread_time_ns() - start_ns

    def state(self):
        return [self.strategy.fills]
