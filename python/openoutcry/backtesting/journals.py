"""A run's two journals, read once and sorted by what a summary asks."""

from pathlib import Path
from typing import Final, get_args

import msgspec

from openoutcry.assembly.paths import RunPaths, RunRecord, read_record
from openoutcry.domain.control import Failure, Halt
from openoutcry.domain.errors import JournalError
from openoutcry.domain.market import CandleClosed, MarketAlert, VenueStatus
from openoutcry.domain.opinions import Classification
from openoutcry.domain.orders import Done, Fill, OrderState, Refused
from openoutcry.execution.records import (
    BalancesOpened,
    ChildIntended,
    ParentPlanned,
    Reconciled,
    StateChanged,
    records_of,
)
from openoutcry.memory.decision_journal import DecisionReader
from openoutcry.memory.order_journal import OrderJournalReader

MAX_EVENTS: Final = 10_000  # of one kind that are kept whole; further ones are only counted

Decision = CandleClosed | Classification | Refused | VenueStatus | MarketAlert | Halt | Failure
_DECISION_KINDS: Final = tuple(kind.__name__ for kind in get_args(Decision))


class RunJournals(msgspec.Struct, kw_only=True):
    """What a run left behind. Lists are in the order of writing."""

    paths: RunPaths
    record: RunRecord
    opening_balances: dict[str, int] = {}
    parents: list[ParentPlanned] = []
    planned_ns: dict[str, int] = {}  # when each was taken on, by the run's own clock
    children: dict[str, OrderState] = {}  # by client order id, as last known
    fills: list[Fill] = []
    done: list[Done] = []
    discrepancies: tuple[str, ...] = ()  # of the last reconciliation
    counts: dict[str, int] = {}  # of decisions, by kind
    candles: list[CandleClosed] = []
    classifications: list[Classification] = []
    refusals: list[Refused] = []
    events: list[VenueStatus | MarketAlert | Halt | Failure] = []


def read_run(run_dir: Path) -> RunJournals:
    """Read a run; a journal that was never begun counts as empty.

    Raises:
        MissingDataError: the folder is no run's.
        JournalError: a journal is damaged.
    """
    paths = RunPaths(run_dir)
    run = RunJournals(paths=paths, record=read_record(paths))
    if paths.orders_db.exists():
        _read_orders(run)
    if paths.decisions_db.exists():
        _read_decisions(run)
    return run


def _read_orders(run: RunJournals) -> None:
    reader = OrderJournalReader(run.paths.orders_db)
    try:
        for record, at_ns in records_of(reader.entries()):
            match record:
                case BalancesOpened():
                    run.opening_balances = record.balances
                case ParentPlanned():
                    run.parents.append(record)
                    run.planned_ns[record.approved.id] = at_ns
                case ChildIntended():
                    run.children[record.order.client_order_id] = "PENDING"
                case StateChanged():
                    run.children[record.client_order_id] = record.after
                case Fill():
                    run.fills.append(record)
                case Done():
                    run.done.append(record)
                case Reconciled():
                    run.discrepancies = record.discrepancies
                case _:
                    pass
    finally:
        reader.close()


def _read_decisions(run: RunJournals) -> None:
    reader = DecisionReader(run.paths.decisions_db)
    try:
        run.counts = reader.counts()
        for kind in _DECISION_KINDS:
            for row in reader.records(kind=kind):
                _sort(run, msgspec.json.decode(row.payload, type=Decision))
    except msgspec.MsgspecError as error:
        raise JournalError(
            f"{run.paths.decisions_db} cannot be understood ({error}); "
            "read it with the openoutcry that wrote it"
        ) from error
    finally:
        reader.close()
    run.candles.sort(key=lambda candle: (candle.close_ns, candle.symbol))
    run.events.sort(key=lambda event: event.at_ns)


def _sort(run: RunJournals, message: Decision) -> None:
    match message:
        case CandleClosed():
            run.candles.append(message)
        case Classification():
            run.classifications.append(message)
        case Refused():
            run.refusals.append(message)
        case _:
            if len(run.events) < MAX_EVENTS:
                run.events.append(message)
