"""A judged backtest as JSON, for programs."""

from typing import Any

import msgspec

from openoutcry.backtesting.by_symbol import parts_of
from openoutcry.backtesting.result import BacktestResult
from openoutcry.backtesting.statistics.bootstrap import Bands
from openoutcry.backtesting.statistics.performance import Performance
from openoutcry.backtesting.statistics.round_trips import round_trips
from openoutcry.backtesting.statistics.verdict import Verdict
from openoutcry.domain.units import atoms_to_text


def as_json(
    result: BacktestResult, performance: Performance, verdict: Verdict, bands: Bands | None = None
) -> dict[str, Any]:
    """A backtest for programs.

    `run_id`, `strategy`, `parameters`, `symbols`, `quote`, `seed`, `config_hash`, `source_sha256` (of the
    strategy's own files, or empty); `datasets` with their hashes and findings; `verdict` {level, line,
    reasons}; `opening`, `net`, `gross`, `fees`, `funding`, exact decimal text in units of `quote`;
    `performance` with every figure (shares of 1, amounts in atoms, None with its reason in `undefined`);
    `bands` or null; `counts`, `refusals`, `assumptions`, `halt_reason`, `versions`, `fills` (their number),
    `by_symbol` (each one's part) and `wall_s`.
    """
    told = {
        "run_id": result.run_id,
        "strategy": result.strategy,
        "parameters": dict(result.parameters),
        "symbols": list(result.instruments),
        "quote": result.instruments[result.symbol].settlement,
        "seed": result.seed,
        "config_hash": result.config_hash,
        "source_sha256": result.source_sha256,
        "datasets": result.datasets,
        "verdict": verdict,
        "opening": atoms_to_text(result.opening_atoms),
        "net": atoms_to_text(performance.net_atoms),
        "gross": atoms_to_text(performance.gross_atoms),
        "fees": atoms_to_text(performance.fees_atoms),
        "funding": atoms_to_text(performance.funding_atoms),
        "performance": performance,
        "bands": bands,
        "counts": dict(result.counts),
        "refusals": dict(result.refusals),
        "assumptions": list(result.assumptions),
        "halt_reason": result.halt_reason,
        "versions": dict(result.versions),
        "fills": len(result.fills),
        "by_symbol": parts_of(result, round_trips(result.fills, result.instruments)),
        "wall_s": result.wall_s,
    }
    plain: dict[str, Any] = msgspec.to_builtins(told, enc_hook=str)
    return plain
