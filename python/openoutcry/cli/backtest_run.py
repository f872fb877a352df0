"""From the options of `openoutcry backtest` to its result."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from openoutcry.assembly.backtest_settings import DEFAULT_FEES_PPM, PPM, PPM_PER_BPS, backtest_defaults
from openoutcry.assembly.settings import Settings, load_settings
from openoutcry.backtesting.history.candles import CandleSeries, load_candles, load_funding
from openoutcry.backtesting.result import BacktestResult, DatasetRecord
from openoutcry.backtesting.runner import run_candles
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_US, TimestampNs, atoms_from_text, atoms_to_text, parse_decimal
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Strategy

DEFAULT_CASH: Final = "100000"

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed."""

    strategy: str
    data: Path
    params: Sequence[str] = ()
    start: str | None = None
    end: str | None = None
    cash: str | None = None
    fee_bps: str | None = None
    half_spread_bps: str | None = None
    funding: Path | None = None
    config: Path | None = None
    seed: int | None = None


def run_backtest(request: Request, *, shows_progress: bool) -> BacktestResult:
    """Load, trade, account.

    Raises:
        OpenOutcryError: the data, the settings, the strategy or a parameter cannot be used.
    """
    plugins = Plugins()
    plugins.load_installed()
    strategy = strategy_registry(plugins).create(request.strategy, _parameters(request.params))
    series, dataset = _span(*load_candles(request.data), request)
    settings = _settings(request, series.instrument, strategy)
    plugins.require(settings.plugins)
    funding = load_funding(request.funding) if request.funding is not None else None
    with _progress(is_shown=shows_progress and sys.stderr.isatty()) as tell:
        return run_candles(
            series, strategy, settings, dataset=dataset, funding=funding, plugins=plugins, progress=tell
        )


def summary_of(result: BacktestResult) -> dict[str, Any]:
    """A result for programs: amounts as exact decimal text in the quote asset."""
    curve, dataset = result.curve, result.datasets[0] if result.datasets else None
    peak = np.maximum.accumulate(curve.equity_atoms)
    return {
        "run_id": result.run_id,
        "strategy": result.strategy,
        "parameters": dict(result.parameters),
        "symbol": result.symbol,
        "data": dataset.path if dataset is not None else "",
        "data_sha256": dataset.sha256 if dataset is not None else "",
        "candles": len(curve),
        "from": _moment(int(curve.times_ns[0])),
        "to": _moment(int(curve.times_ns[-1])),
        "opening": atoms_to_text(result.opening_atoms),
        "net": atoms_to_text(result.net_atoms),
        "fees": atoms_to_text(result.fees_atoms),
        "funding": atoms_to_text(result.funding_atoms),
        "bought_and_held": atoms_to_text(int(curve.benchmark_atoms[-1]) - result.opening_atoms),
        "max_drawdown": atoms_to_text(int((peak - curve.equity_atoms).max())),
        "position_lots": int(curve.position_lots[-1]),
        "counts": dict(result.counts),
        "refusals": dict(result.refusals),
        "halt_reason": result.halt_reason,
        "findings": [f"{each.severity}: {each.detail}" for each in dataset.findings] if dataset else [],
        "assumptions": list(result.assumptions),
        "seed": result.seed,
        "config_hash": result.config_hash,
        "wall_s": round(result.wall_s, 3),
    }


def _settings(request: Request, instrument: Instrument, strategy: Strategy) -> Settings:
    """The file's settings, or those of a backtest without one; what was typed goes above both."""
    taker_ppm, maker_ppm = DEFAULT_FEES_PPM[instrument.kind]
    if request.fee_bps is not None:
        taker_ppm, maker_ppm = _fees(request.fee_bps)
    cash_atoms = atoms_from_text(request.cash or DEFAULT_CASH, what="--cash")
    above: dict[str, object] = {"mode": "backtest", "symbols": [instrument.symbol]}
    if request.config is None:
        above = backtest_defaults(instrument, cash_atoms, taker_ppm)
    if request.config is None or request.cash is not None:
        above["backtest.cash_atoms"] = cash_atoms
    if request.config is None or request.fee_bps is not None:
        above |= {"backtest.taker_fee_ppm": taker_ppm, "backtest.maker_fee_ppm": maker_ppm}
    if request.half_spread_bps is not None:
        above["backtest.half_spread_ppm"] = _ppm(request.half_spread_bps, "--half-spread-bps")
    if request.seed is not None:
        above["seed"] = request.seed
    settings = load_settings(request.config, above)
    named = msgspec.structs.replace(
        settings.strategy, name=strategy.name, parameters=_parameters(request.params)
    )
    return msgspec.structs.replace(settings, strategy=named)


def _parameters(texts: Sequence[str]) -> dict[str, bool | int | float | str]:
    """`NAME=VALUE` texts; a value is a bool, a whole number, a number or text, whichever it reads as."""
    parameters: dict[str, bool | int | float | str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidInputError(f"--param {text!r} is no NAME=VALUE; write it as fast=10")
        parameters[name] = _value(value)
    return parameters


def _value(text: str) -> bool | int | float | str:
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _fees(text: str) -> tuple[int, int]:
    """`5/2` or `5`: taker and maker."""
    taker, slash, maker = text.partition("/")
    return _ppm(taker, "--fee-bps"), _ppm(maker if slash else taker, "--fee-bps")


def _ppm(text: str, what: str) -> int:
    ppm = parse_decimal(text, what=what) * PPM_PER_BPS
    if ppm % 1 or abs(ppm) >= PPM:
        raise InvalidInputError(f"{what} {text} cannot be used; give basis points with at most two decimals")
    return int(ppm)


def _span(
    series: CandleSeries, dataset: DatasetRecord, request: Request
) -> tuple[CandleSeries, DatasetRecord]:
    """The candles that open and close within the times asked for."""
    start = 0 if request.start is None else int(np.searchsorted(series.open_ns, _time(request.start)))
    stop = len(series)
    if request.end is not None:
        stop = int(np.searchsorted(series.close_ns, _time(request.end), side="right"))
    if start >= stop:
        raise MissingDataError(
            f"{request.data} has no candle from {request.start or 'its start'} to {request.end or 'its end'}"
            f"; it goes from {_moment(dataset.first_ns)} to {_moment(dataset.last_ns)}"
        )
    part = series.slice(start, stop)
    first_ns, last_ns = TimestampNs(int(part.open_ns[0])), TimestampNs(int(part.close_ns[-1]))
    return part, msgspec.structs.replace(dataset, first_ns=first_ns, last_ns=last_ns, rows=len(part))


def _time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} is no time; write it as 2024-01-31 or 2024-01-31T12:00") from None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.fromtimestamp(0, UTC)
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return microseconds * NS_PER_US


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns / 1e9, tz=UTC):%Y-%m-%d %H:%M:%S}"


@contextlib.contextmanager
def _progress(*, is_shown: bool) -> Iterator[Tell | None]:
    """A bar on stderr while this lasts."""
    if not is_shown:
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("candles", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
