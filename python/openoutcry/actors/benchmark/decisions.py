"""The messages that are sent: decisions of the domain, derived from each other as our actors do it.

Seeded: a number always makes the same message. Only the risk hop computes what the running system computes
(the review); classification and strategy are as cheap as can be, for the way is measured and not the models.
"""

import random
from functools import cache
from typing import Final

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.opinions import Classification, Vote
from openoutcry.domain.orders import Accepted, Approved, Fill, OrderIntent, PositionReport
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S, Atoms, PriceTicks, SizeLots, TimestampNs
from openoutcry.risk_management.checks import Context, Refusal
from openoutcry.risk_management.exposure import Exposure
from openoutcry.risk_management.limits import RiskLimits
from openoutcry.risk_management.review import review

SEED: Final = 7
SYMBOL: Final = "BTC/USDT"
FIRST_OPEN_NS: Final = 1_723_000_000 * NS_PER_S
CANDLE_NS: Final = 5 * NS_PER_S
DEADLINE_NS: Final = 2 * NS_PER_S
_PRICES: Final = tuple(random.Random(SEED).choices(range(6_000_000, 6_100_000), k=1_024))  # noqa: S311  no secret


def price_ticks(number: int) -> PriceTicks:
    """The seeded price of a message."""
    return PriceTicks(_PRICES[number % len(_PRICES)])


def fill(number: int) -> Fill:
    """A small message."""
    return Fill(
        id=f"fill:{number}",
        cause_id=f"child:{number}",
        symbol=SYMBOL,
        parent_id=f"parent:{number}",
        client_order_id=f"oo-bench-{number}",
        venue_order_id=str(number),
        trade_id=str(number),
        side="buy" if number % 2 else "sell",
        price_ticks=price_ticks(number),
        size_lots=SizeLots(100),
        fee_atoms=Atoms(6_000_000),
        fee_asset="USDT",
        liquidity="taker",
        at_ns=TimestampNs(FIRST_OPEN_NS + number),
    )


def candle(number: int) -> CandleClosed:
    """What begins a decision."""
    open_ns = TimestampNs(FIRST_OPEN_NS + number * CANDLE_NS)
    opens, closes = price_ticks(number), price_ticks(number + 1)
    return CandleClosed(
        id=f"candle:{SYMBOL}:{open_ns}",
        symbol=SYMBOL,
        open_ns=open_ns,
        close_ns=TimestampNs(open_ns + CANDLE_NS),
        open_ticks=opens,
        high_ticks=max(opens, closes),
        low_ticks=min(opens, closes),
        close_ticks=closes,
        volume_lots=SizeLots(1_000),
        buy_volume_lots=SizeLots(500),
        notional=1_000 * closes,
        trade_count=10,
        first_trade_id=10 * number,
        last_trade_id=10 * number + 9,
    )


def classify(closed: CandleClosed) -> Classification:
    """Two votes, pooled."""
    votes = tuple(
        Vote(
            id=f"{closed.id}:{name}",
            cause_id=closed.id,
            symbol=closed.symbol,
            classifier=name,
            up=0.6,
            flat=0.3,
            down=0.1,
            rationale=f"closed at {closed.close_ticks} ticks",
        )
        for name in ("talib_patterns", "moving_average_rsi")
    )
    return Classification(
        id=f"{closed.id}:classification",
        cause_id=closed.id,
        symbol=closed.symbol,
        close_ns=closed.close_ns,
        close_ticks=closed.close_ticks,
        up=0.6,
        flat=0.3,
        down=0.1,
        abstained=False,
        votes=votes,
    )


def intend(opinion: Classification) -> OrderIntent:
    """Wants what the classifiers lean to."""
    return OrderIntent(
        id=f"{opinion.id}:intent",
        cause_id=opinion.id,
        symbol=opinion.symbol,
        strategy="benchmark",
        exposure=opinion.up - opinion.down,
        reference_price_ticks=opinion.close_ticks,
        volatility=0.0005,
        candle_seconds=CANDLE_NS / NS_PER_S,
        style="immediate",
        horizon_ns=0,
        event_ns=opinion.close_ns,
        deadline_ns=TimestampNs(opinion.close_ns + DEADLINE_NS),
    )


def approve(intent: OrderIntent) -> Approved:
    """Every check of the risk officer, and its sizing.

    Raises:
        ValueError: the review refused, so that the message is not what is to be measured.
    """
    exposure = _exposure()
    context = Context(
        intent=intent,
        limits=RiskLimits(),
        now_ns=intent.event_ns,
        instrument=exposure.instrument,
        exposure=exposure,
        halt_reason="",
        feed_state="live",
        cool_down_until_ns=0,
        is_duplicate=False,
        breaker_allows=True,
        recent_orders=0,
        last_reference_ticks=intent.reference_price_ticks,
        daily_loss_atoms=0,
    )
    verdict = review(context)
    if isinstance(verdict, Refusal):
        raise ValueError(f"risk refused: {verdict}")  # noqa: TRY004  it is the value that is wrong
    return verdict


def accept(approved: Approved) -> Accepted:
    """The answer of whoever has the order in hand."""
    return Accepted(
        id=f"{approved.id}:accepted",
        cause_id=approved.id,
        symbol=approved.order.symbol,
        parent_id=approved.id,
        client_order_id="",
        venue_order_id="",
        at_ns=approved.intent.event_ns,
    )


@cache
def _exposure() -> Exposure:
    """An account with cash and no position."""
    instrument = Instrument(
        venue="binance",
        symbol=SYMBOL,
        venue_symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_tick="0.01",
        size_step="0.00001",
        min_size_lots=SizeLots(1),
        max_size_lots=SizeLots(900_000_000),
        min_notional_atoms=Atoms(5 * ATOMS_PER_UNIT),
    )
    exposure = Exposure(instrument)
    exposure.on_report(
        PositionReport(
            id="position",
            symbol=SYMBOL,
            position_lots=SizeLots(0),
            base_atoms=Atoms(0),
            cash_atoms=Atoms(100_000 * ATOMS_PER_UNIT),
            open_buy_lots=SizeLots(0),
            open_sell_lots=SizeLots(0),
            fees_quote_atoms=Atoms(0),
            at_ns=TimestampNs(FIRST_OPEN_NS),
        )
    )
    return exposure
