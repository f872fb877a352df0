import msgspec
import pytest
from tests.backtesting.candle_histories import instrument

from openoutcry.domain.errors import ConfigurationError, InvalidInputError
from openoutcry.domain.units import ATOMS_PER_UNIT
from openoutcry.risk_management.limits import RiskLimits
from openoutcry.risk_management.mandate import Mandate, mandate_of

CASH = 1_000 * ATOMS_PER_UNIT
MANDATE = Mandate(max_quote_lots=10, max_position_lots=100, collar_bps=100, max_loss_atoms=500)
TOUCH = (9_990, 10_010)


@pytest.mark.parametrize(
    ("quotes", "position", "refusal"),
    [
        ((9_990, 10, 10_010, 10), 0, None),
        ((9_990, 11, 10_010, 10), 0, "quote_size"),
        ((9_990, 10, 10_010, 11), 0, "quote_size"),
        ((9_990, 10, 10_010, 10), 99, None),
        ((9_990, 10, 10_010, 10), 100, "quoted_position"),
        ((9_990, 10, 10_010, 10), -100, "quoted_position"),
        ((0, 10, 10_010, 10), 100, None),
        ((9_990, 0, 10_010, 10), 100, None),
        ((9_891, 1, 10_110, 1), 0, None),
        ((9_890, 1, 10_110, 1), 0, "quote_collar"),
        ((9_891, 1, 10_111, 1), 0, "quote_collar"),
    ],
)
def test_each_limit_is_named(quotes, position, refusal):
    assert MANDATE.refusal(quotes, TOUCH, position) == refusal


def test_without_a_collar_quotes_may_be_anywhere():
    free = msgspec.structs.replace(MANDATE, collar_bps=9_999)
    assert free.refusal((1, 1, 10**9, 1), TOUCH, 0) is None


def test_a_loss_up_to_the_limit_goes_on():
    assert [MANDATE.is_exhausted(net) for net in (600, 0, -499, -500, -501)] == [False] * 3 + [True] * 2


def test_it_carries_what_cash_and_limits_allow():
    limits = RiskLimits(
        max_position_notional_atoms=CASH,
        max_order_notional_atoms=CASH // 10,
        max_daily_loss_atoms=CASH,
        max_drawdown_bps=200,
        quote_collar_bps=30,
    )
    mandate = mandate_of(limits, instrument(), CASH // 2, 10_000, 1)
    assert mandate == Mandate(
        max_quote_lots=1_000, max_position_lots=5_000, collar_bps=30, max_loss_atoms=CASH // 2 // 50
    )
    with pytest.raises(InvalidInputError, match="quote less"):
        mandate_of(limits, instrument(), CASH // 2, 10_000, 5_001)


@pytest.mark.parametrize(
    ("lots", "words"),
    [
        ((11, 50), "by quote_lots 11, of which it allows 10; give --param quote_lots=10, or"),
        (
            (5, 101),
            "by max_position_lots 101, of which it allows 100; give --param max_position_lots=100, or",
        ),
        ((11, 101), "give --param quote_lots=10 --param max_position_lots=100, or"),
    ],
)
def test_a_strategy_that_would_go_beyond_is_refused(lots, words):
    MANDATE.check(10, 100)
    with pytest.raises(InvalidInputError, match=words):
        MANDATE.check(*lots)


def test_a_collar_of_everything_is_no_limit():
    with pytest.raises(ConfigurationError, match="quote_collar_bps"):
        RiskLimits(quote_collar_bps=10_000)
