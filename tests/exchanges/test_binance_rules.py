import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.exchanges.binance_rules import instrument_of


def rules(**changes):
    filters = {
        "PRICE_FILTER": {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "tickSize": "0.01000000"},
        "LOT_SIZE": {
            "filterType": "LOT_SIZE",
            "minQty": "0.00001000",
            "maxQty": "9000.00000000",
            "stepSize": "0.00001000",
        },
        "NOTIONAL": {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
    }
    for name, fields in changes.items():
        filters[name] = {**filters.get(name, {"filterType": name}), **fields} if fields else None
    return {
        "symbol": "BTCUSDT",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [entry for entry in filters.values() if entry],
    }


def test_rules_are_exact():
    instrument = instrument_of("binance", "BTC/USDT", rules())
    assert (instrument.price_tick, instrument.size_step) == ("0.01", "0.00001")
    assert (instrument.min_size_lots, instrument.max_size_lots) == (1, 900_000_000)
    assert instrument.min_notional_atoms == 500_000_000
    assert (instrument.base, instrument.quote, instrument.venue_symbol) == ("BTC", "USDT", "BTCUSDT")


def test_sizes_between_two_lots_are_rounded_to_the_inside():
    instrument = instrument_of(
        "binance", "BTC/USDT", rules(LOT_SIZE={"minQty": "0.000015", "maxQty": "0.000098"})
    )
    assert (instrument.min_size_lots, instrument.max_size_lots) == (2, 9)


def test_the_older_notional_filter_is_read():
    older = rules(NOTIONAL={}, MIN_NOTIONAL={"minNotional": "10"})
    assert instrument_of("binance", "BTC/USDT", older).min_notional_atoms == 10 * 10**8


@pytest.mark.parametrize("missing", ["PRICE_FILTER", "LOT_SIZE", "NOTIONAL"])
def test_missing_rules_are_refused(missing):
    with pytest.raises(InvalidInputError, match=r"BTC/USDT: the venue's rules lack"):
        instrument_of("binance", "BTC/USDT", rules(**{missing: {}}))


def test_a_tick_of_zero_is_refused():
    with pytest.raises(InvalidInputError, match="must be positive"):
        instrument_of("binance", "BTC/USDT", rules(PRICE_FILTER={"tickSize": "0.00000000"}))
