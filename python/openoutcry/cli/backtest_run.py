"""From the options of `openoutcry backtest` to its result."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from openoutcry.assembly.backtest_settings import DEFAULT_FEES_PPM, PPM, PPM_PER_BPS, backtest_defaults
from openoutcry.assembly.settings import Settings, load_settings
from openoutcry.backtesting.history.candles import CandleSeries, load_candles, load_funding
from openoutcry.backtesting.result import BacktestResult, DatasetRecord
from openoutcry.backtesting.runner import parameters_of, run_candles
from openoutcry.cli.parameters import typed_parameters
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_MS, NS_PER_US, TimestampNs, atoms_from_text, parse_decimal
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.locate import located
from openoutcry.strategies.strategy import Strategy

DEFAULT_CASH: Final = "100000"
CANDLE_SUFFIXES: Final = {".parquet", ".csv"}

if TYPE_CHECKING:
    from openoutcry.backtesting.history.datasets import EventsDataset

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed."""

    strategy: str
    data: Path
    others: Sequence[Path] = ()
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
    found = located(request.strategy, plugins)
    strategy = found.create(typed_parameters(request.params))
    events = events_at(request.data)
    if events is not None and events.kind != "trades":
        return _run_events(events, request, strategy, found.text, plugins, shows_progress=shows_progress)
    if request.others:
        raise InvalidInputError("several --data go together as market events alone; give one, or events")
    loaded = load_candles(request.data) if events is None else _candles_of(events, request)
    series, dataset = span_of(*loaded, request)
    settings = settings_of(request, series.instrument, strategy, found.text)
    plugins.require(settings.plugins)
    funding = load_funding(request.funding) if request.funding is not None else None
    with _progress(is_shown=shows_progress and sys.stderr.isatty()) as tell:
        return run_candles(
            series, strategy, settings, dataset=dataset, funding=funding, plugins=plugins, progress=tell
        )


def events_at(place: Path) -> "EventsDataset | None":
    """The market events that a path or a reference of the catalogue names; None if it names candles.

    Raises:
        OpenOutcryError: the data cannot be used.
    """
    if place.suffix in CANDLE_SUFFIXES and place.is_file():
        return None  # most backtests: the importers of events need not be loaded
    from openoutcry.backtesting.history.datasets import EventsDataset, load_any  # noqa: PLC0415

    found = load_any(str(place))
    return found if isinstance(found, EventsDataset) else None


def _run_events(
    events: "EventsDataset",
    request: Request,
    strategy: Strategy,
    found_at: str,
    plugins: Plugins,
    *,
    shows_progress: bool,
) -> BacktestResult:
    from openoutcry.backtesting.events_run import ending_at, run_events  # noqa: PLC0415  loads the simulator

    for given, option in ((request.start, "--from"), (request.half_spread_bps, "--half-spread-bps")):
        if given is not None:
            raise InvalidInputError(
                f"{option} cannot be used with market events: their book needs all that came before, and has "
                "its own spread; leave it out"
            )
    datasets = [events]
    for place in request.others:
        other = events_at(place)
        if other is None:
            raise InvalidInputError(
                f"{place} holds candles; several --data go together as market events alone"
            )
        datasets.append(other)
    if request.end is not None:
        datasets = [ending_at(each, _time(request.end)) for each in datasets]
    settings = settings_of(request, events.instrument, strategy, found_at)
    plugins.require(settings.plugins)
    funding = {events.instrument.symbol: load_funding(request.funding)} if request.funding is not None else {}
    with _progress(is_shown=shows_progress and sys.stderr.isatty(), what="events") as tell:
        return run_events(datasets, strategy, settings, funding=funding, plugins=plugins, progress=tell)


def _candles_of(events: "EventsDataset", request: Request) -> tuple[CandleSeries, DatasetRecord]:
    """Candles of the trades, where there is no book."""
    from openoutcry.backtesting.events_run import candles_of_trades  # noqa: PLC0415

    settings = load_settings(request.config)
    series = candles_of_trades(events, settings, settings.simulation.candle_ms * NS_PER_MS)
    return series, msgspec.structs.replace(events.record, rows=len(series))


def settings_of(request: Request, instrument: Instrument, strategy: Strategy, found_at: str) -> Settings:
    """The file's settings, or those of a backtest without one; what was typed goes above both.

    `found_at` is what finds the strategy again.
    """
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
        settings.strategy, name=found_at, parameters=dict(parameters_of(strategy))
    )
    return msgspec.structs.replace(settings, strategy=named)


def _fees(text: str) -> tuple[int, int]:
    """`5/2` or `5`: taker and maker."""
    taker, slash, maker = text.partition("/")
    return _ppm(taker, "--fee-bps"), _ppm(maker if slash else taker, "--fee-bps")


def _ppm(text: str, what: str) -> int:
    ppm = parse_decimal(text, what=what) * PPM_PER_BPS
    if ppm % 1 or abs(ppm) >= PPM:
        raise InvalidInputError(f"{what} {text} cannot be used; give basis points with at most two decimals")
    return int(ppm)


def span_of(
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
def _progress(*, is_shown: bool, what: str = "candles") -> Iterator[Tell | None]:
    """A bar on stderr while this lasts."""
    if not is_shown:
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
