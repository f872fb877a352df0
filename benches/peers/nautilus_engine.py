"""A nautilus-trader backtest engine of one instrument, without logs and analysis, and its ticks from integers."""

import nautilus_version  # noqa: F401  refuses another version
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.model import (
    AccountType,
    BookType,
    CurrencyPair,
    Currency,
    InstrumentId,
    Money,
    OmsType,
    Price,
    Quantity,
    QuoteTick,
    Symbol,
    TraderId,
    Venue,
)

VENUE = Venue("SIM")
INSTRUMENT = InstrumentId(Symbol("BTCUSDT"), VENUE)
