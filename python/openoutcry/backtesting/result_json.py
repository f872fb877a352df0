"""A judged backtest as JSON, for programs."""

from typing import Any

import msgspec

from openoutcry.backtesting.by_symbol import parts_of
from openoutcry.backtesting.judgement import Judgement
from openoutcry.domain.units import atoms_to_text


def as_json(judgement: Judgement) -> dict[str, Any]:
    """A backtest for programs.

    `run_id`, `strategy`, `parameters`, `symbols`, `quote`, `seed`, `config_hash`, `source_sha256` (of the
    strategy's own files, or empty); `datasets` with their hashes and findings; `verdict` {level, line,
    reasons}; `opening`, `net`, `gross`, `fees`, `funding`, exact decimal text in units of `quote`, where
    fees and funding are what was paid, and below 0 what was received; `performance` with every figure
    (shares of 1, amounts in atoms, None with its reason in `undefined`); `bands` or null; `trials` (`count`:
    how often it was tried on this data; `deflated`); `counts`, `refusals`, `assumptions`, `halt_reason`,
    `idle_reason`, `versions`, `fills` (their number), `by_symbol` (each one's part) and `wall_s`.
    """
    result, performance = judgement.result, judgement.performance
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
        "verdict": judgement.verdict,
        "opening": atoms_to_text(result.opening_atoms),
        "net": atoms_to_text(performance.net_atoms),
        "gross": atoms_to_text(performance.gross_atoms),
        "fees": atoms_to_text(performance.fees_atoms),
        "funding": atoms_to_text(performance.funding_atoms),
        "performance": performance,
        "bands": judgement.bands,
        "trials": judgement.trials,
        "counts": dict(result.counts),
        "refusals": dict(result.refusals),
        "assumptions": list(result.assumptions),
        "halt_reason": result.halt_reason,
        "idle_reason": result.idle_reason,
        "versions": dict(result.versions),
        "fills": len(result.fills),
        "by_symbol": parts_of(result, judgement.trips),
        "wall_s": result.wall_s,
    }
    plain: dict[str, Any] = msgspec.to_builtins(told, enc_hook=str)
    return plain
