"""From the options of `openoutcry optimize` to what is searched, and on what."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from openoutcry.assembly.settings import Settings
from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.backtesting.history.datasets import load_only_candles
from openoutcry.backtesting.history.source import ImportOptions
from openoutcry.backtesting.optimise.optimisation import Request
from openoutcry.cli import backtest_run
from openoutcry.cli.funding import funding_of
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.locate import located

WINDOWS: Final = 5
OF_BACKTEST: Final = (
    "strategy",
    "symbol",
    "start",
    "end",
    "cash",
    "fee_bps",
    "half_spread_bps",
    "config",
    "seed",
)


class Market(NamedTuple):
    """What every trial trades on."""

    markets: tuple[CandleMarket, ...]
    settings: Settings


def market_of(options: Mapping[str, Any]) -> Market:
    """The candles and the settings, as `openoutcry backtest` reads them.

    Raises:
        OpenOutcryError: the data, the settings or the strategy cannot be used.
    """
    places = options["data"]
    asked = backtest_run.Request(**{name: options[name] for name in OF_BACKTEST}, data=places[0])
    if len(places) > 1:
        backtest_run.refuse(asked, {"symbol": "--symbol"}, "several --data, which are a symbol each")
    plugins = Plugins()
    plugins.load_installed()
    found = located(asked.strategy, plugins)
    spans = [_candles(replace(asked, data=place)) for place in places]
    instruments = [series.instrument for series, _ in spans]
    settings = backtest_run.settings_of(asked, instruments, found.text, found.filled({}))
    plugins.require(settings.plugins)
    paid = funding_of(options["funding"], instruments)
    markets = (CandleMarket(*span, paid.get(span[0].instrument.symbol)) for span in spans)
    return Market(tuple(markets), settings)


def _candles(asked: backtest_run.Request) -> backtest_run.Candles:
    """The candles of one place, in the time asked for. Raises InvalidInputError: it holds something else."""
    found = load_only_candles(asked.data, options=ImportOptions(symbol=asked.symbol or ""))
    return backtest_run.span_of(found.series, found.record, asked)


def request_of(options: Mapping[str, Any]) -> Request:
    """What is searched, and how."""
    return Request(
        strategy=options["strategy"],
        ranges=options["ranges"],
        trials=options["trials"],
        windows=(options["windows"] or WINDOWS) if options["walk_forward"] else 1,
        is_anchored=options["anchored"],
        objective=options["objective"],
        seed=options["seed"],
        study=options["study"],
        jobs=options["jobs"] or len(os.sched_getaffinity(0)),
        engine=options["engine"],
        is_exact=options["exact"],
    )
