"""A nautilus-trader backtest engine of one instrument, without logs and analysis; its ticks from integers."""

from decimal import Decimal

import nautilus_version  # noqa: F401  refuses another version
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import (
    AccountType,
    BookType,
    Currency,
    CurrencyPair,
    InstrumentId,
    Money,
    OmsType,
    Price,
    Quantity,
    QuoteTick,
    Symbol,
    Venue,
)
from nautilus_trader.trading import Strategy, StrategyConfig

VENUE = Venue("SIM")
INSTRUMENT = InstrumentId(Symbol("BTCUSDT"), VENUE)
SIZE_DIGITS = 3
FREE = MakerTakerFeeModel(Decimal(0), Decimal(0))


def price(ticks, digits):
    return Price.from_mantissa_exponent(ticks, -digits, digits)


def quantity(lots):
    return Quantity.from_mantissa_exponent(lots, -SIZE_DIGITS, SIZE_DIGITS)


def ticks(value, digits):
    return round(value.as_double() * 10**digits)


def new_engine(price_digits, book_type=BookType.L1_MBP):
    logs = LoggerConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=logs, run_analysis=False))
    cash = [Money.from_str("1000000000 USDT"), Money.from_str("100000 BTC")]
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.CASH, cash, fee_model=FREE, book_type=book_type)
    engine.add_instrument(
        CurrencyPair(
            INSTRUMENT,
            Symbol("BTCUSDT"),
            Currency.from_str("BTC"),
            Currency.from_str("USDT"),
            price_digits,
            SIZE_DIGITS,
            price(1, price_digits),
            quantity(1),
            0,
            0,
        )
    )
    return engine


def quote(row, digits=2):
    at_ns, bid, ask, bid_lots, ask_lots = row
    prices = price(bid, digits), price(ask, digits)
    return QuoteTick(INSTRUMENT, *prices, quantity(bid_lots), quantity(ask_lots), at_ns, at_ns)


def new_strategy(kind, *arguments):
    return kind(StrategyConfig(log_events=False, log_commands=False), *arguments)


class OnQuotes(Strategy):
    """Gets every quote."""

    def __new__(cls, config, *_arguments):
        return super().__new__(cls, config)

    def on_start(self):
        self.subscribe_quotes(INSTRUMENT)
