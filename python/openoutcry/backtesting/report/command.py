"""The command line that gives a result again."""

import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from openoutcry.backtesting.fee_schedule import is_guess
from openoutcry.backtesting.result import BacktestResult
from openoutcry.domain.units import NS_PER_S, NS_PER_US, atoms_to_text

PPM_PER_BPS: Final = 100


def repeat_command(result: BacktestResult) -> str:
    """The command line that repeats a backtest: its data, span, parameters, cash and costs.

    Of a walk-forward it is the backtest of the parameters that were chosen last, over all of the data.
    Settings of a file are not in it: `--config` comes on top.
    """
    found_at = result.settings.get("strategy", {}).get("name", result.strategy)
    parts = ["openoutcry", "backtest", found_at]
    for dataset in result.datasets:
        if dataset.kind == "funding":
            parts += ["--funding", f"{dataset.symbol}={dataset.path}"]
        else:
            parts += ["--data", dataset.path]
    if len(result.instruments) == 1 and result.datasets and Path(result.datasets[0].path).is_dir():
        parts += ["--symbol", result.symbol]  # the folder may hold others
    parts += _span(result)
    *_, parameters = (result.parameters, *windows_of(result).values())
    for name, value in parameters.items():
        parts += ["--param", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    return shlex.join([*parts, *_costs(result), "--seed", str(result.seed)])


def windows_of(result: BacktestResult) -> Mapping[str, Mapping[str, Any]]:
    """The parameters of each window of a walk-forward, by when it begins; empty of any other backtest."""
    windows = result.parameters
    return windows if all(isinstance(each, Mapping) for each in windows.values()) else {}


def told_parameters(result: BacktestResult) -> str:
    """A backtest's parameters for people, window by window of a walk-forward."""
    windows = windows_of(result)
    if not windows:
        return _assignments(result.parameters)
    return "; ".join(f"{begins}: {_assignments(each)}" for begins, each in windows.items())


def _assignments(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in parameters.items())


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _span(result: BacktestResult) -> Iterator[str]:
    """Which part of the data, as far as its kind can be cut."""
    for dataset in result.datasets[:1]:
        if result.replay_speed:
            duration_s = (dataset.last_ns - dataset.first_ns) // NS_PER_S + 1  # to behind the last frame
            yield from ("--duration", str(duration_s), "--speed", f"{result.replay_speed:g}")
            continue
        if dataset.kind == "candles":
            yield from ("--from", _moment(dataset.first_ns), "--to", _moment(dataset.last_ns))
        else:  # up to the moment behind the last event
            yield from ("--to", _moment(dataset.last_ns + NS_PER_US))


def _costs(result: BacktestResult) -> Iterator[str]:
    costs = result.settings.get("backtest", {})
    yield from ("--cash", atoms_to_text(result.opening_atoms))
    is_guessed = any(is_guess(each) for each in result.assumptions)  # as it will be again
    if not is_guessed and "taker_fee_ppm" in costs and "maker_fee_ppm" in costs:
        yield from ("--fee-bps", f"{_bps(costs['taker_fee_ppm'])}/{_bps(costs['maker_fee_ppm'])}")
    if costs.get("half_spread_ppm") and not any(dataset.kind == "events" for dataset in result.datasets):
        yield from ("--half-spread-bps", _bps(costs["half_spread_ppm"]))


def _bps(ppm: int) -> str:
    return format(Decimal(ppm) / PPM_PER_BPS, "f")


def _moment(at_ns: int) -> str:
    """To the microsecond, which is as fine as a command line's times are."""
    moment = datetime.fromtimestamp(at_ns // NS_PER_S, tz=UTC).replace(microsecond=at_ns % NS_PER_S // 1_000)
    return moment.isoformat().removesuffix("+00:00")
