"""From settings to objects: the only place that says which class does a job."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openoutcry.assembly.paths import RunPaths, books_root, read_record, sweep_books
from openoutcry.assembly.secrets import load_credentials
from openoutcry.assembly.settings import Settings
from openoutcry.domain.errors import MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.units import NS_PER_MS
from openoutcry.memory.decision_journal import DecisionJournal
from openoutcry.memory.halt_latch import HaltLatch
from openoutcry.memory.order_journal import OrderJournal
from openoutcry.plugins.loader import Plugins

if TYPE_CHECKING:
    from openoutcry.exchanges.ccxt_market_data import CcxtMarketData
    from openoutcry.exchanges.ccxt_trading import CcxtTrading
    from openoutcry.execution.desk import ExecutionDesk
    from openoutcry.ingestion.books import PublishedBooks
    from openoutcry.ingestion.feed import LiveFeed
    from openoutcry.models.ensemble import Ensemble
    from openoutcry.monitoring.exporter import MonitoringServer
    from openoutcry.monitoring.observer import Observer
    from openoutcry.risk_management.officer import RiskOfficer
    from openoutcry.risk_management.review import Veto
    from openoutcry.strategies.desk import StrategyDesk

# Together the 12 characters with which an order id may begin.
DEPLOYMENT_CHARS: Final = 5
RUN_CHARS: Final = 7

# Classes that load heavy libraries (ccxt, TA-Lib, numpy) are imported where they are made: a process pays
# only for what its role needs.


def plugins(settings: Settings) -> Plugins:
    """The installed plugins. Raises ConfigurationError if one that the settings require is missing."""
    loaded = Plugins()
    loaded.load_installed()
    loaded.require(settings.plugins)
    return loaded


def instruments(run_dir: Path) -> dict[str, Instrument]:
    """The venue's rules as they were when the run started, by symbol."""
    found = read_record(RunPaths(run_dir)).instruments
    if not found:
        raise MissingDataError(f"{run_dir} records no instruments; start the run anew")
    return found


def ensemble(settings: Settings, symbol: str, loaded: Plugins) -> "Ensemble":
    """The classifiers and their ensemble."""
    from openoutcry.models.ensemble import Ensemble  # noqa: PLC0415
    from openoutcry.models.shipped import classifier_registry  # noqa: PLC0415

    registry = classifier_registry(loaded)
    classifiers = [registry.create(each.name, each.parameters) for each in settings.classifiers]
    weights = {made.name: each.weight for made, each in zip(classifiers, settings.classifiers, strict=True)}
    return Ensemble(
        symbol=symbol,
        classifiers=classifiers,
        weights=weights,
        min_votes=settings.ensemble.min_votes,
        min_confidence=settings.ensemble.min_confidence,
    )


def strategy_desk(settings: Settings, symbol: str, loaded: Plugins) -> "StrategyDesk":
    """The strategy and the desk that turns its wishes into intents."""
    from openoutcry.strategies.desk import StrategyDesk  # noqa: PLC0415
    from openoutcry.strategies.shipped import strategy_registry  # noqa: PLC0415

    strategy = strategy_registry(loaded).create(settings.strategy.name, settings.strategy.parameters)
    return StrategyDesk(symbol=symbol, strategy=strategy, settings=settings.strategy.intents)


def risk_officer(
    settings: Settings, rules: Mapping[str, Instrument], latch: HaltLatch, loaded: Plugins
) -> "RiskOfficer":
    """The officer, halted from the start if the latch is armed."""
    from openoutcry.risk_management.officer import RiskOfficer  # noqa: PLC0415

    record = latch.read()
    return RiskOfficer(
        rules,
        settings.risk,
        vetoes=vetoes(loaded),
        halt_reason=record.reason if record is not None else "",
    )


def vetoes(loaded: Plugins) -> "list[Veto]":
    """The plugins' word on an order: what risk asks last."""
    return [lambda intent, order, position: "; ".join(loaded.review_order(intent, order, position)) or None]


def order_journal(settings: Settings, run_dir: Path) -> OrderJournal:
    """The order journal of a run, for its one writer."""
    return OrderJournal(RunPaths(run_dir).orders_db, venue=settings.venue.venue)


def decision_journal(settings: Settings, run_dir: Path) -> DecisionJournal:
    """The decision journal of a run, for its one writer."""
    journal = settings.journal
    return DecisionJournal(
        RunPaths(run_dir).decisions_db,
        batch_messages=journal.batch_messages,
        delay_ns=journal.delay_ms * NS_PER_MS,
    )


def execution_desk(
    settings: Settings,
    run_id: str,
    *,
    rules: Mapping[str, Instrument],
    journal: OrderJournal,
    opening_balances: Mapping[str, int],
    latch: HaltLatch,
) -> "ExecutionDesk":
    """The desk of one account. Its orders' ids begin with the deployment, told apart by the run."""
    from openoutcry.execution.desk import ExecutionDesk  # noqa: PLC0415

    return ExecutionDesk(
        deployment_id=deployment_of_run(settings, run_id),
        venue=settings.venue.venue,
        instruments=rules,
        journal=journal,
        opening_balances=opening_balances,
        settings=settings.execution,
        is_halted=latch.is_armed,
    )


def deployment_of_run(settings: Settings, run_id: str) -> str:
    """The name that this run's order ids begin with: a new journal must never repeat an order id."""
    digest = base64.b32encode(hashlib.blake2b(run_id.encode(), digest_size=5).digest()).decode().lower()
    return f"{settings.deployment_id[:DEPLOYMENT_CHARS]}{digest[:RUN_CHARS]}"


def published_books(settings: Settings, run_dir: Path, symbols: Sequence[str]) -> "PublishedBooks | None":
    """Where a run's feeds show their books, dead runs' cleared away; None if the settings say nowhere."""
    from openoutcry.ingestion.books import PublishedBooks  # noqa: PLC0415

    if not settings.books.publish:
        return None
    root = books_root(settings.books.dir)
    sweep_books(root)
    folder = root / RunPaths(run_dir).run_id
    return PublishedBooks(folder, settings.venue.venue, symbols, settings.books.depth)


def live_feed(
    settings: Settings,
    rules: Instrument,
    emit: Callable[[Message], None],
    earlier: Sequence[CandleClosed],
    books: "PublishedBooks | None" = None,
) -> "LiveFeed":
    """A symbol's feed, going on behind `earlier` candles."""
    from openoutcry.ingestion.feed import LiveFeed  # noqa: PLC0415

    return LiveFeed(settings.feed_of(rules.symbol), rules, emit, earlier_candles=earlier, books=books)


def monitoring(
    settings: Settings, roles: Sequence[str], facts: Mapping[str, str]
) -> "tuple[Observer, MonitoringServer]":
    """The observer and what serves it; it listens from here on."""
    from openoutcry.monitoring.exporter import MonitoringServer  # noqa: PLC0415
    from openoutcry.monitoring.observer import Observer  # noqa: PLC0415

    observer = Observer(expected=roles, facts=facts)
    return observer, MonitoringServer(observer, host=settings.monitoring.host, port=settings.monitoring.port)


def load_venue_client() -> None:
    """Import the venue's client now: it takes seconds, and an actor at work has to give signs of life."""
    from openoutcry.exchanges import ccxt_client, ccxt_market_data, ccxt_trading  # noqa: F401, PLC0415

    ccxt_client.load_library()


def market_data(settings: Settings) -> "CcxtMarketData":
    """The venue's market data. It needs no key."""
    from openoutcry.exchanges.ccxt_market_data import CcxtMarketData  # noqa: PLC0415

    return CcxtMarketData(settings.venue)


def trading(settings: Settings) -> "CcxtTrading":
    """The venue's order side, with the key loaded in this very process."""
    from openoutcry.exchanges.ccxt_trading import CcxtTrading  # noqa: PLC0415

    return CcxtTrading(settings.venue, load_credentials(settings.venue.venue))
