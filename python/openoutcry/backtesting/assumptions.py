"""What backtests on candles and on recorded frames take for granted, in words."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from openoutcry.assembly.settings import Settings
from openoutcry.backtesting.fee_schedule import fee_sentences, is_guess
from openoutcry.backtesting.funding_cover import funding_sentences
from openoutcry.backtesting.result import DatasetRecord
from openoutcry.domain.instrument import Instrument
from openoutcry.strategies.strategy import Shares

NO_LIQUIDATION: Final = "nothing is liquidated: losses may exceed the cash"
FUNDING: Final = "funding is paid on what is held at its time, at the last close before"
DUST: Final = "orders trade here that the venue may refuse as too small"
SHORTS: Final = "shorts are left out: the strategy wanted to be short at "
TOGETHER: Final = (
    "all symbols are traded from one account; candles are shown in the order of their closes",
    "the strategy is asked when each symbol has closed a candle at the same moment",
    "buy and hold is the cash in equal parts, one for each symbol, without rebalancing",
)


def assumptions(
    settings: Settings, instruments: Sequence[Instrument], datasets: Sequence[DatasetRecord]
) -> tuple[str, ...]:
    """One sentence for each assumption of a backtest over candles of these instruments."""
    costs, risk = settings.backtest, settings.risk
    order_ms, report_ms = costs.order_latency_ns / 1e6, costs.report_latency_ns / 1e6
    shorts = "left out" if settings.strategy.intents.long_only else "taken"
    return (
        f"an order reaches the venue after {order_ms:g} ms, its answer takes {report_ms:g} ms",
        "a taker pays the worst price that its candle may have had by then, open + f·(high - open) to buy",
        f"beyond that, half a spread of {costs.half_spread_ppm / 100:g} bps; never beyond its limit",
        "what rests trades at its limit in a later candle that goes through it, not just to it",
        f"our orders have at most {costs.volume_share_ppm / 1e4:g} % of a candle's volume, and no impact",
        *fee_sentences(costs),
        f"at most {risk.max_weight:.0%} of the equity is invested; shorts are {shorts}",
        f"risk targets a volatility of {risk.target_volatility_per_year:g} a year (1e+06 is no target)",
        f"risk halts at a drawdown of {risk.max_drawdown_bps / 100:g} %",
        *funding_sentences(instruments, datasets, FUNDING),
        *instrument_sentences(instruments),
        *(TOGETHER if len(instruments) > 1 else ()),
    )


def instrument_sentences(instruments: Sequence[Instrument]) -> Iterator[str]:
    """What is assumed of the venue's rules for these instruments, in words."""
    if any(each.is_contract for each in instruments):
        yield NO_LIQUIDATION
    unlimited = [each.symbol for each in instruments if not each.min_notional_atoms]
    if unlimited:
        yield f"the data tell no minimum order value of {' and '.join(unlimited)}: {DUST}"


def shorts_left_out(shares: Shares | None, settings: Settings) -> Iterator[str]:
    """A sentence, if what the strategy wanted below 0, as far as that is known, was not sold short."""
    if shares is None or not settings.strategy.intents.long_only:
        return
    wanted = int(np.count_nonzero(shares < 0.0))
    if wanted:
        yield f"{SHORTS}{wanted:,} of {len(shares):,} candles"


def is_warning(sentence: str) -> bool:
    """Whether an assumption is one that a reader must know with the figures."""
    return is_guess(sentence) or sentence.startswith(SHORTS)


def replay_assumptions(settings: Settings, shift_ns: int, speed: float, settle_ns: int) -> tuple[str, ...]:
    """One sentence for each assumption of a backtest over recorded frames."""
    costs = settings.backtest
    order_ms, report_ms = costs.order_latency_ns / 1e6, costs.report_latency_ns / 1e6
    moved = f"receive times are moved by {shift_ns / 1e6:g} ms: the recorder's clock ran behind the venue's"
    return (
        "candles, alerts and the feed's state are those of the live feed over the recorded frames",
        f"deciding takes no time; an order reaches the venue after {order_ms:g} ms, its answer {report_ms:g}",
        *((moved,) if shift_ns else ()),
        "orders meet the recorded book; what they took stays gone until the level is updated",
        "what rests queues behind what stood there; the recorded market does not react",
        *fee_sentences(costs, ", of what is received")[:1],
        f"the settings' durations count {speed:g} times in the market's time, as in a replay at that speed",
        f"orders under way at the end go on for at most {settle_ns / 1e9:g} s against the last book",
    )
