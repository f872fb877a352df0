import pytest
from tests.backtesting.candle_histories import FIRST_NS, INTERVAL_NS, random_series, settings

from openoutcry.assembly.topology import RISK, STRATEGY
from openoutcry.backtesting.candle_backtest import CandleBacktest
from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.domain.control import Halt
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.opinions import Signal
from openoutcry.strategies.buy_and_hold import BuyAndHold


@pytest.fixture
def backtest():
    made = CandleBacktest([CandleMarket(random_series(1))], BuyAndHold(), settings())
    made.floor.open(["BTC/USDT"], "binance", FIRST_NS)
    return made


def signal(at_ns):
    return Signal(id="s", symbol="BTC/USDT", strategy="x", exposure=0.25, reason="", at_ns=at_ns)


def test_who_may_not_send_a_message_is_stopped(backtest):
    with pytest.raises(TypeError, match="risk sends no Signal"):
        backtest.floor.publish(RISK, signal(FIRST_NS))


def test_a_message_of_a_moment_to_come_is_refused(backtest):
    backtest.floor.publish(STRATEGY, signal(FIRST_NS))
    with pytest.raises(InvalidInputError, match="looked ahead"):
        backtest.floor.publish(STRATEGY, signal(FIRST_NS + 1))


def test_time_does_not_go_back(backtest):
    backtest.floor.run_until(FIRST_NS + 5)
    backtest.floor.run_until(FIRST_NS + 3)
    assert backtest.floor.now_ns == FIRST_NS + 5


def test_a_halt_reaches_risk_and_execution_as_the_supervisor_spreads_it(backtest):
    halt = Halt(id="h", reason="told so", by="risk", at_ns=FIRST_NS)
    backtest.floor.publish(RISK, halt)
    backtest.floor.run_until(FIRST_NS + INTERVAL_NS)
    backtest.floor._deliver()
    assert backtest.floor.halt_reason == "told so"
    assert backtest.execution._halted
