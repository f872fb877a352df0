"""History by any name: which dataset a path and a symbol mean."""

import pytest

from openoutcry.backtesting.history.datasets import find_sources, load_any
from openoutcry.backtesting.history.source import ImportOptions
from openoutcry.domain.errors import InvalidInputError, MissingDataError

ROWS = """time,open,high,low,close,volume
1700000000000,{0}.0,{0}.5,{0}.0,{0}.5,1
1700000300000,{0}.5,{0}.5,{0}.0,{0}.0,2
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "BTCUSDT-5m.csv").write_text(ROWS.format(42))
    (tmp_path / "ETHUSDT-5m.csv").write_text(ROWS.format(23))
    return tmp_path


def test_a_folder_of_several_wants_a_choice(folder):
    with pytest.raises(InvalidInputError, match=r"holds 2 datasets: BTC/USDT \(BTCUSDT-5m\), ETH/USDT"):
        load_any(folder)


@pytest.mark.parametrize("symbol", ["ETHUSDT", "ETH/USDT"])
def test_a_symbol_chooses_in_a_folder_and_renames_nothing(folder, symbol):
    (source,) = find_sources(folder, ImportOptions(symbol=symbol))
    assert source.instrument.symbol == "ETH/USDT"
    chosen = load_any(folder, options=ImportOptions(symbol=symbol)).series
    assert chosen.open_ticks[0] * float(chosen.instrument.tick) == 23.0


def test_a_symbol_that_is_not_there_is_told_with_those_that_are(folder):
    with pytest.raises(MissingDataError, match=r"there is no BTC/USD; did you mean 'BTC/USDT'"):
        find_sources(folder, ImportOptions(symbol="BTC/USD"))


def test_a_path_that_is_not_there_is_told_with_one_that_is_like_it(folder):
    with pytest.raises(MissingDataError, match=r"did you mean .*BTCUSDT-5m.csv\? give a file"):
        load_any(folder / "BTCUSDT-15m.csv")
