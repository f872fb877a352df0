"""A run in figures, for the terminal, for programs and for the report."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from openoutcry.backtesting.equity import EquityCurve, equity_curve, market_time_ns
from openoutcry.backtesting.journals import RunJournals, read_run
from openoutcry.domain.orders import TERMINAL_STATES
from openoutcry.domain.units import atoms_to_text

MAX_EXAMPLES: Final = 3
ENOUGH_ROUND_TRIPS: Final = 30  # below it a result says nothing about the strategy; a custom, not a theorem


def summarise(run_dir: Path) -> dict[str, Any]:
    """A run in figures, from its record and its journals.

    Amounts are decimal text by asset: `pnl` before fees, `fees` in the assets they were paid in, `net` after
    fees in the quote asset. `unreconciled` counts orders without a proven end and discrepancies.

    Raises:
        MissingDataError: the folder is no run's.
        JournalError: a journal is damaged.
    """
    run = read_run(run_dir)
    return summary_of(run, curves_of(run))


def curves_of(run: RunJournals) -> dict[str, EquityCurve]:
    """The account by symbol. A symbol whose grid the run's record does not hold is left out."""
    caused_ns = {planned.approved.id: planned.approved.intent.event_ns for planned in run.parents}
    curves = {}
    for symbol, instrument in run.record.instruments.items():
        candles = [candle for candle in run.candles if candle.symbol == symbol]
        fills = [
            (market_time_ns(fill, candles, caused_ns.get(fill.parent_id, fill.at_ns)), fill)
            for fill in run.fills
            if fill.symbol == symbol
        ]
        curves[symbol] = equity_curve(instrument, candles, fills)
    return curves


def summary_of(run: RunJournals, curves: Mapping[str, EquityCurve]) -> dict[str, Any]:
    """The figures of a run already read; as `summarise`."""
    record = run.record
    votes = [vote for each in run.classifications for vote in each.votes]
    open_orders = {name: state for name, state in run.children.items() if state not in TERMINAL_STATES}
    told = dict(record.summary)
    unpriced = sorted({fill.symbol for fill in run.fills} - set(curves))
    own = {
        "run_id": record.run_id,
        "mode": record.mode,
        "outcome": record.outcome or ("did not end" if not record.ended_ns else ""),
        "data_source": record.data_source,
        "candles": len(run.candles),
        "votes": sum(not vote.abstained for vote in votes),
        "abstentions": sum(vote.abstained for vote in votes),
        "signals": run.counts.get("Signal", 0),
        "intents": run.counts.get("OrderIntent", 0),
        "refused": dict(Counter(refusal.check for refusal in run.refusals).most_common()),
        "orders": len(run.parents),
        "child_orders": len(run.children),
        "fills": len(run.fills),
        "round_trips": sum(curve.round_trips for curve in curves.values()),
        "unreconciled": max(len(open_orders) + len(run.discrepancies), told.get("unreconciled", 0)),
        "discrepancies": [*run.discrepancies, *(f"{name} is {state}" for name, state in open_orders.items())],
        "pnl": _by_quote(curves, "profit_atoms"),
        "fees": _fees(curves),
        "net": _by_quote(curves, "net_atoms"),
        "max_drawdown": _by_quote(curves, "max_drawdown_atoms"),
        "position": {
            curve.instrument.base: curve.instrument.size_text(curve.position_lots)
            for curve in curves.values()
        },
        "market_return": {symbol: market_return(curve) for symbol, curve in curves.items()},
        "buy_and_hold": _buy_and_hold(run, curves),
        "unpriced_symbols": unpriced,
        "example_order": next((fill.client_order_id for fill in reversed(run.fills)), ""),
        "example_orders": list(dict.fromkeys(fill.parent_id for fill in run.fills))[:MAX_EXAMPLES],
        "journal_path": str(run.paths.orders_db),
        "decisions_path": str(run.paths.decisions_db),
    }
    return {**told, **own, "verdict": _verdict(own)}


def market_return(curve: EquityCurve) -> float | None:
    """What the price did from the first close to the last, as a share; None with fewer than two candles."""
    if len(curve.points) < 2:  # noqa: PLR2004  a difference needs two
        return None
    return curve.points[-1].close_ticks / curve.points[0].close_ticks - 1.0


def _buy_and_hold(run: RunJournals, curves: Mapping[str, EquityCurve]) -> dict[str, str]:
    """What the opening cash would have earned, put into the symbols equally at the first close."""
    earned: Counter[str] = Counter()
    in_quote = Counter(curve.instrument.quote for curve in curves.values())
    for curve in curves.values():
        quote = curve.instrument.quote
        cash_atoms = run.opening_balances.get(quote, 0) // in_quote[quote]
        if curve.points and cash_atoms:
            first, last = curve.points[0].close_ticks, curve.points[-1].close_ticks
            earned[quote] += cash_atoms * (last - first) // first
    return {asset: atoms_to_text(atoms) for asset, atoms in earned.items()}


def _by_quote(curves: Mapping[str, EquityCurve], name: str) -> dict[str, str]:
    total: Counter[str] = Counter()
    for curve in curves.values():
        total[curve.instrument.quote] += getattr(curve, name)
    return {asset: atoms_to_text(atoms) for asset, atoms in total.items()}


def _fees(curves: Mapping[str, EquityCurve]) -> dict[str, str]:
    total: Counter[str] = Counter()
    for curve in curves.values():
        total.update(curve.fees)
    return {asset: atoms_to_text(atoms) for asset, atoms in total.items()}


def _verdict(figures: Mapping[str, Any]) -> str:
    """What may be concluded, in a sentence: mostly, that little may."""
    if figures["unreconciled"]:
        return (
            f"{figures['unreconciled']} orders are not accounted for: look at the venue before anything else."
        )
    if figures["unpriced_symbols"]:
        return f"No grid is recorded for {', '.join(figures['unpriced_symbols'])}: its fills are not valued."
    if not figures["fills"]:
        refused = sum(figures["refused"].values())
        return f"Nothing was traded ({figures['intents']} intents, {refused} refused): nothing to judge."
    trips = figures["round_trips"]
    if trips < ENOUGH_ROUND_TRIPS:
        return (
            f"{trips} closed trades are too few to say anything about the strategy "
            f"(at least {ENOUGH_ROUND_TRIPS} are customary); the run shows that the system works, no more."
        )
    results = ", ".join(
        f"{'lost' if text.startswith('-') else 'gained'} {_trimmed(text.lstrip('-'))} {asset}"
        for asset, text in figures["net"].items()
    )
    return f"After fees it {results} over {trips} closed trades, in one market and one period: no forecast."


def headline(summary: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The figures people look at first, in words."""
    rows: list[tuple[str, object]] = [
        ("data", summary["data_source"] or "not recorded"),
        ("candles, votes, signals", f"{summary['candles']}, {summary['votes']}, {summary['signals']}"),
        ("orders, fills", f"{summary['orders']} ({summary['child_orders']} sent), {summary['fills']}"),
        ("refused", ", ".join(f"{check} {count}" for check, count in summary["refused"].items()) or "none"),
        ("unreconciled", summary["unreconciled"]),
        ("profit and loss", amounts(summary["pnl"])),
        ("fees", amounts(summary["fees"])),
        ("after fees", amounts(summary["net"])),
        ("buy and hold", amounts(summary["buy_and_hold"])),
    ]
    if "faults_injected" in summary:
        rows.append(
            ("faults", f"{summary['faults_injected']} injected, {summary.get('faults_recovered')} recovered")
        )
    return [*rows, ("verdict", summary["verdict"])]


def amounts(by_asset: Mapping[str, str]) -> str:
    """Amounts by asset as people read them: without trailing zeros, at least two decimals."""
    return ", ".join(f"{_trimmed(text)} {asset}" for asset, text in by_asset.items()) or "none"


def _trimmed(text: str) -> str:
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"
