"""Why a backtest traded nothing."""

from dataclasses import replace

from openoutcry.backtesting.report.wording import amount
from openoutcry.backtesting.result import BacktestResult
from openoutcry.risk_management.check_words import in_words


def with_idle_reason(result: BacktestResult, *, warmup: int, candles: int) -> BacktestResult:
    """The same result, which says why if nothing was traded.

    `warmup` is how many candles come before the first wish, `candles` how many there were.
    """
    if result.fills:
        return result
    reasons = (_of_the_lot(result), _of_the_wishes(result, warmup, candles))
    return replace(result, idle_reason="; ".join(filter(None, reasons)))


def refusals_in_words(result: BacktestResult) -> str:
    """The checks that said no, how often, and what they mean; the most frequent first."""
    ordered = sorted(result.refusals.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{check} {count:,} ({in_words(check)})" for check, count in ordered)


def _of_the_wishes(result: BacktestResult, warmup: int, candles: int) -> str:
    counts, refused = result.counts, sum(result.refusals.values())
    wishes, what = counts.get("intents", 0), "wishes"
    if "decisions" in counts:  # a maker's
        wishes, what = counts["decisions"], "quotes"
    elif candles < warmup:
        return f"the warm-up of {warmup:,} candles is longer than the data ({candles:,})"
    intents = result.settings.get("strategy", {}).get("intents", {})
    left_out = "; shorts are left out" if intents.get("long_only") else ""
    if refused:
        share = f"all {wishes:,}" if refused == wishes else f"{refused:,} of {wishes:,}"
        why = f"{share} {what} were refused: {refusals_in_words(result)}"
        return why + left_out if set(result.refusals) == {"no_trade_band"} else why
    if "decisions" in counts:
        return "no quote was ever reached" if wishes else "no decision was made"
    if wishes:
        return f"none of {wishes:,} wishes found anything to trade with"
    band = intents.get("no_trade_band", 0.0)
    return f"it never wanted a change beyond the no-trade band of {band:.0%}{left_out}"


def _of_the_lot(result: BacktestResult) -> str:
    """What not even one lot can be bought of; prices are at their lowest, or the last."""
    for symbol, instrument in result.instruments.items():
        price = result.marks.get(symbol, 0)
        if symbol == result.symbol and len(result.curve):
            price = int(result.curve.price_ticks.min())
        cost = instrument.notional_atoms(price, instrument.min_size_lots) if price > 0 else 0
        if cost > result.opening_atoms:
            size = instrument.size_text(instrument.min_size_lots)
            return (
                f"the smallest order of {symbol}, {size}, costs {amount(cost)} {instrument.settlement}, more "
                "than the cash: give more --cash, or look whether the data's scales are right (a tick of "
                f"{instrument.price_tick}, a step of {instrument.size_step})"
            )
    return ""
