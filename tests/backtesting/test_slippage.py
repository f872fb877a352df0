import msgspec
import numpy as np
from tests.backtesting.backtested import COIN, backtested

from openoutcry.backtesting.slippage import slippage_atoms


def changed(result, **fields):
    own = {name: getattr(result, name) for name in result.__dataclass_fields__}
    return type(result)(**{**own, **fields})


def test_fills_are_measured_against_the_close_that_caused_them():
    result, series = backtested(hours=300)
    closes = dict(zip(series.close_ns.tolist(), series.close_ticks.tolist(), strict=True))
    bought, sold = (next(fill for fill in result.fills if fill.side == side) for side in ("buy", "sell"))
    pair = changed(result, fills=(bought, sold))
    expected = 0
    for fill, sign in ((bought, 1), (sold, -1)):
        caused_ns = max(close_ns for close_ns in closes if close_ns <= fill.at_ns)
        expected += sign * (fill.price_ticks - closes[caused_ns]) * fill.size_lots * COIN.atoms_per_tick_lot
    assert slippage_atoms(pair) == expected
    dearer = msgspec.structs.replace(bought, price_ticks=bought.price_ticks + 2)
    worse = 2 * bought.size_lots * COIN.atoms_per_tick_lot
    assert slippage_atoms(changed(result, fills=(dearer, sold))) == expected + worse


def test_without_a_known_cause_nothing_is_said():
    result, _ = backtested(hours=300)
    unknown = msgspec.structs.replace(result.fills[0], parent_id="by-hand")
    assert slippage_atoms(changed(result, fills=(unknown,))) is None
    moved = changed(result.curve, times_ns=result.curve.times_ns + np.int64(1))
    assert slippage_atoms(changed(result, curve=moved)) is None


def test_without_fills_nothing_slipped():
    result, _ = backtested(hours=300)
    assert slippage_atoms(changed(result, fills=())) == 0
