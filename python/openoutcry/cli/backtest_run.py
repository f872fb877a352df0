"""From the options of `openoutcry backtest` to its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from openoutcry.assembly.backtest_settings import (
    DEFAULT_FEES_PPM,
    PPM,
    PPM_PER_BPS,
    BacktestSettings,
    backtest_defaults,
)
from openoutcry.assembly.replay_pace import replay_overrides
from openoutcry.assembly.settings import Settings, load_settings
from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.backtesting.fee_schedule import guessed_fees
from openoutcry.backtesting.history.candles import CandleSeries, load_candles
from openoutcry.backtesting.recorded_frames import is_replayable
from openoutcry.backtesting.result import BacktestResult, DatasetRecord
from openoutcry.backtesting.runner import run_candle_markets
from openoutcry.cli.funding import funding_of
from openoutcry.cli.parameters import typed_parameters
from openoutcry.cli.progress_bar import progress_bar
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import (
    NS_PER_MS,
    NS_PER_S,
    NS_PER_US,
    atoms_from_text,
    parse_decimal,
)
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.locate import located
from openoutcry.strategies.strategy import Strategy

DEFAULT_CASH: Final = "100000"
DEFAULT_COINS: Final = "10"  # where the account is kept in coins
CANDLE_SUFFIX: Final = ".parquet"

if TYPE_CHECKING:
    from openoutcry.backtesting.history.datasets import EventsDataset

Candles = tuple[CandleSeries, DatasetRecord]


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed."""

    strategy: str
    data: Path
    others: Sequence[Path] = ()
    symbol: str | None = None
    params: Sequence[str] = ()
    start: str | None = None
    end: str | None = None
    cash: str | None = None
    fee_bps: str | None = None
    half_spread_bps: str | None = None
    funding: Sequence[str] = ()
    config: Path | None = None
    speed: float | None = None
    duration: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The strategy that was asked for, what finds it again, and all of its parameters."""

    strategy: Strategy
    found_at: str
    parameters: Mapping[str, Any]


def run_backtest(request: Request, *, shows_progress: bool) -> BacktestResult:
    """Load, trade, account; fees that nobody gave are said to be a guess where the venue's are not known.

    Raises:
        OpenOutcryError: the data, the settings, the strategy or a parameter cannot be used.
    """
    result = _traded(request, shows_progress=shows_progress)
    if request.fee_bps is not None or request.config is not None:
        return result
    costs = msgspec.convert(result.settings["backtest"], BacktestSettings)
    guessed = guessed_fees((each.venue for each in result.instruments.values()), costs)
    return replace(result, assumptions=(*result.assumptions, *guessed))


def _traded(request: Request, *, shows_progress: bool) -> BacktestResult:
    plugins = Plugins()
    plugins.load_installed()
    found = located(request.strategy, plugins)
    given = typed_parameters(request.params)
    chosen = Chosen(found.create(given), found.text, found.filled(given))
    needs = chosen.strategy.needs
    if not (needs.book or request.others) and is_replayable(request.data):
        return _run_recording(request, chosen, plugins, shows_progress=shows_progress)
    refuse(request, {"speed": "--speed", "duration": "--duration"}, "this data and strategy")
    if request.others:
        refuse(request, {"symbol": "--symbol"}, "several --data, which are a symbol each")
    data = history_at(request.data, request.symbol)
    if not isinstance(data, tuple) and data.kind != "trades":
        return _run_events(data, request, chosen, plugins, shows_progress=shows_progress)
    markets = [
        _market_of(data, request),
        *(
            _market_of(history_at(place, request.symbol), replace(request, data=place))
            for place in request.others
        ),
    ]
    instruments = [market.series.instrument for market in markets]
    settings = settings_of(request, instruments, chosen.found_at, chosen.parameters)
    plugins.require(settings.plugins)
    paid = funding_of(request.funding, instruments)
    with progress_bar("candles", is_shown=shows_progress) as tell:
        return run_candle_markets(
            [replace(market, funding=paid.get(market.symbol)) for market in markets],
            chosen.strategy,
            settings,
            plugins=plugins,
            parameters=chosen.parameters,
            progress=tell,
        )


def history_at(place: Path, symbol: str | None = None) -> "Candles | EventsDataset":
    """The candles or the market events in a file or folder, or of a reference of the catalogue.

    Of a folder `symbol` chooses; a file that does not say its own symbol is given it.

    Raises:
        OpenOutcryError: the data cannot be used.
    """
    if place.suffix == CANDLE_SUFFIX and place.is_file() and symbol is None:
        return load_candles(place)  # most backtests: the importers of events need not be loaded
    from openoutcry.backtesting.history.datasets import CandlesDataset, load_any  # noqa: PLC0415
    from openoutcry.backtesting.history.source import ImportOptions  # noqa: PLC0415

    found = load_any(str(place), options=ImportOptions(symbol=symbol or ""))
    return (found.series, found.record) if isinstance(found, CandlesDataset) else found


def _market_of(data: "Candles | EventsDataset", request: Request) -> CandleMarket:
    """Candles in the time asked for; those of the trades, where there is no book.

    Raises:
        InvalidInputError: it is a book of events, which cannot be traded beside candles.
    """
    if not isinstance(data, tuple):
        if data.kind != "trades":
            raise InvalidInputError(
                f"{request.data} holds market events, and the data before candles; give data of one kind"
            )
        data = _candles_of(data, request)
    return CandleMarket(*span_of(*data, request))


def _candles_of(events: "EventsDataset", request: Request) -> tuple[CandleSeries, DatasetRecord]:
    """Candles of the trades, where there is no book."""
    from openoutcry.backtesting.events_run import candles_of_trades  # noqa: PLC0415

    settings = load_settings(request.config)
    series = candles_of_trades(events, settings, settings.simulation.candle_ms * NS_PER_MS)
    return series, msgspec.structs.replace(events.record, rows=len(series))


def _run_events(
    events: "EventsDataset", request: Request, chosen: Chosen, plugins: Plugins, *, shows_progress: bool
) -> BacktestResult:
    from openoutcry.backtesting.events_run import ending_at, run_events  # noqa: PLC0415  loads the simulator

    refuse(request, {"start": "--from", "half_spread_bps": "--half-spread-bps"}, "a book of events")
    datasets = [events]
    for place in request.others:
        other = history_at(place, request.symbol)
        if isinstance(other, tuple):
            raise InvalidInputError(
                f"{place} holds candles, and {request.data} market events; give data of one kind"
            )
        datasets.append(other)
    if request.end is not None:
        datasets = [ending_at(each, _time(request.end)) for each in datasets]
    instruments = [each.instrument for each in datasets]
    settings = settings_of(request, instruments, chosen.found_at, chosen.parameters)
    plugins.require(settings.plugins)
    funding = funding_of(request.funding, instruments)
    with progress_bar("events", is_shown=shows_progress) as tell:
        return run_events(
            datasets, chosen.strategy, settings, funding=funding, plugins=plugins, progress=tell
        )


def _run_recording(
    request: Request, chosen: Chosen, plugins: Plugins, *, shows_progress: bool
) -> BacktestResult:
    from openoutcry.backtesting.recorded_frames import survey  # noqa: PLC0415  loads the feed and the venue
    from openoutcry.backtesting.replay_run import run_recording  # noqa: PLC0415  as above

    refuse(
        request,
        {"start": "--from", "end": "--to", "funding": "--funding", "half_spread_bps": "--half-spread-bps"},
        "a recording",
    )
    data = survey(
        request.data,
        request.symbol or load_settings(request.config).symbols[0],
        duration_ns=None if request.duration is None else request.duration * NS_PER_S,
    )
    if request.symbol not in {None, data.instrument.symbol, data.instrument.venue_symbol}:
        raise MissingDataError(f"{request.data} holds {data.instrument.symbol}, and no {request.symbol}")
    speed = request.speed or 1.0
    settings = replay_settings_of(request, data.instrument, chosen, speed)
    plugins.require(settings.plugins)
    with progress_bar("frames", is_shown=shows_progress) as tell:
        return run_recording(
            data,
            chosen.strategy,
            settings,
            speed=speed,
            plugins=plugins,
            parameters=chosen.parameters,
            progress=tell,
        )


def refuse(request: Request, options: Mapping[str, str], what: str) -> None:
    """Raise InvalidInputError if one of the options, by the request's field, was given."""
    given = [option for name, option in options.items() if getattr(request, name) not in (None, ())]
    if given:
        raise InvalidInputError(f"{', '.join(given)} cannot be used with {what}; leave it out")


def replay_settings_of(request: Request, instrument: Instrument, chosen: Chosen, speed: float) -> Settings:
    """The settings with which `run --paper --speed` would trade it, and what was typed above them."""
    above: dict[str, object] = {
        "mode": "backtest",
        "symbols": [instrument.symbol],
        **replay_overrides(speed),
        **_costs_of(request, instrument),
    }
    return _named(load_settings(request.config, above), chosen.found_at, chosen.parameters)


def _costs_of(request: Request, instrument: Instrument) -> dict[str, object]:
    """What was typed of cash, fees and the seed; the rest of them where no file says it."""
    costs: dict[str, object] = {}
    taker_ppm, maker_ppm = DEFAULT_FEES_PPM[instrument.kind]
    if request.fee_bps is not None:
        taker_ppm, maker_ppm = _fees(request.fee_bps)
    if request.config is None or request.cash is not None:
        usual = DEFAULT_COINS if instrument.kind == "inverse" else DEFAULT_CASH
        costs["backtest.cash_atoms"] = _cash(request.cash or usual)
    if request.config is None or request.fee_bps is not None:
        costs |= {"backtest.taker_fee_ppm": taker_ppm, "backtest.maker_fee_ppm": maker_ppm}
    if request.seed is not None:
        costs["seed"] = request.seed
    return costs


def _named(settings: Settings, found_at: str, parameters: Mapping[str, Any]) -> Settings:
    named = msgspec.structs.replace(settings.strategy, name=found_at, parameters=dict(parameters))
    return msgspec.structs.replace(settings, strategy=named)


def settings_of(
    request: Request, instruments: Sequence[Instrument], found_at: str, parameters: Mapping[str, Any]
) -> Settings:
    """The file's settings, or those of a backtest without one; what was typed goes above both.

    `found_at` is what finds the strategy again, `parameters` are all of its.
    """
    first, *others = instruments
    costs = _costs_of(request, first)
    symbols = list(dict.fromkeys(each.symbol for each in instruments))
    above: dict[str, object] = {"mode": "backtest", "symbols": symbols}
    if request.config is None:
        cash_atoms, taker_ppm = costs["backtest.cash_atoms"], costs["backtest.taker_fee_ppm"]
        assert isinstance(cash_atoms, int)
        assert isinstance(taker_ppm, int)
        above = backtest_defaults(first, cash_atoms, taker_ppm, others)
    if request.half_spread_bps is not None:
        half_spread_ppm = _ppm(request.half_spread_bps, "--half-spread-bps")
        if half_spread_ppm < 0:
            raise InvalidInputError(
                f"--half-spread-bps {request.half_spread_bps} is below 0: a taker would be paid for the "
                "spread; give 0 or more"
            )
        above["backtest.half_spread_ppm"] = half_spread_ppm
    return _named(load_settings(request.config, {**above, **costs}), found_at, parameters)


def _cash(text: str) -> int:
    atoms = atoms_from_text(text, what="--cash")
    if atoms <= 0:
        raise InvalidInputError(f"--cash {text} is no account to begin with; give more than 0")
    return atoms


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
    part = CandleMarket(series, dataset).slice(start, stop)
    assert part.dataset is not None
    if len(part.series) == len(series):
        return part.series, part.dataset
    from openoutcry.backtesting.history.findings_within import findings_within  # noqa: PLC0415  for a part only

    found = findings_within(dataset.findings, part.series, start)
    return part.series, msgspec.structs.replace(part.dataset, findings=found)


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
