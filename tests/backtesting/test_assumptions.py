import msgspec
from tests.backtesting.candle_histories import instrument, settings

from openoutcry.backtesting.assumptions import DUST, NO_LIQUIDATION, assumptions, instrument_sentences
from openoutcry.backtesting.fee_schedule import guessed_fees, is_guess
from openoutcry.domain.units import Atoms


def test_where_the_data_tell_no_minimum_order_value_small_orders_are_said_to_trade():
    free = instrument()
    told = f"the data tell no minimum order value of BTC/USDT: {DUST}"
    assert list(instrument_sentences([free])) == [told]
    assert told in assumptions(settings(), [free], ())
    bound = msgspec.structs.replace(free, min_notional_atoms=Atoms(5 * 10**8))
    assert list(instrument_sentences([bound])) == []
    other = msgspec.structs.replace(free, symbol="ETH/USDT")
    assert list(instrument_sentences([free, bound, other])) == [told.replace(":", " and ETH/USDT:")]


def test_contracts_are_not_liquidated():
    assert NO_LIQUIDATION in instrument_sentences([instrument("linear")])
    assert NO_LIQUIDATION not in instrument_sentences([instrument()])


def test_fees_of_a_venue_that_is_not_known_are_a_guess():
    costs = settings().backtest
    [told] = guessed_fees(["binance-um", "nasdaq", "binance", "nasdaq"], costs)
    assert told == (
        "fees of 10 bps for a taker and 2 bps for a maker are a guess: nasdaq's are not known; give --fee-bps"
    )
    same = msgspec.structs.replace(costs, maker_fee_ppm=costs.taker_fee_ppm)
    assert list(guessed_fees(["unknown"], same)) == [
        "fees of 10 bps are a guess: the venue's are not known; give --fee-bps"
    ]
    assert is_guess(told)
    assert not any(is_guess(each) for each in assumptions(settings(), [instrument()], ()))
