"""Every backtest and trial that was ever run here: one row each, and the whole result of a run.

What was tried counts by itself: the Deflated Sharpe needs to know how often a strategy was tried on the same
data, and nobody counts that by hand honestly.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec

from openoutcry.backtesting.result import BacktestResult
from openoutcry.backtesting.result_files import read_result, write_result
from openoutcry.backtesting.statistics.returns import Returns, returns_of_curve
from openoutcry.backtesting.statistics.sharpe import moments_of
from openoutcry.domain.errors import InvalidInputError, JournalError, MissingDataError
from openoutcry.memory.database import PRIVATE_FILE_MODE, damaged, open_writer
from openoutcry.plugins.registry import did_you_mean

FOLDER: Final = "backtests"
APPLICATION_ID: Final = 0x4F4F4254  # "OOBT"
SCHEMA_VERSION: Final = 1
PACKAGE: Final = "openoutcry"  # among the versions of a result
ID_DIGITS: Final = 12  # hexadecimal: 48 bits, a collision among a million runs has odds of 1 to 500
SHOWN: Final = 5  # names in an error

# Settings that a backtest does not have, or that are told by themselves.
APART: Final = ("seed", "paths", "monitoring", "journal", "transport", "books", "plugins")

RunKind = Literal["run", "trial", "walk-forward"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs(
  run_id TEXT PRIMARY KEY, kind TEXT NOT NULL, strategy TEXT NOT NULL, parameters TEXT NOT NULL,
  dataset_sha256 TEXT NOT NULL, settings_hash TEXT NOT NULL, seed INTEGER NOT NULL, from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL, period_ns INTEGER NOT NULL, periods INTEGER NOT NULL, sharpe REAL, skew REAL,
  kurtosis REAL, net_atoms INTEGER NOT NULL, fills INTEGER NOT NULL, verdict TEXT NOT NULL, study TEXT NOT
  NULL, created_utc TEXT NOT NULL, wall_s REAL NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS tried ON runs(strategy, dataset_sha256);
CREATE TABLE IF NOT EXISTS sources(run_id TEXT PRIMARY KEY, sha256 TEXT NOT NULL) STRICT;
"""
_ROWS: Final = """
SELECT runs.*, coalesce(sources.sha256, '') AS source_sha256 FROM runs LEFT JOIN sources USING (run_id)
"""
# A trial that is run again by hand becomes a run, a run that is tried again stays one.
_UPSERT: Final = """
INSERT INTO runs VALUES (:run_id, :kind, :strategy, :parameters, :dataset_sha256, :settings_hash, :seed,
  :from_ns, :to_ns, :period_ns, :periods, :sharpe, :skew, :kurtosis, :net_atoms, :fills, :verdict, :study,
  :created_utc, :wall_s)
ON CONFLICT(run_id) DO UPDATE SET kind = excluded.kind, sharpe = excluded.sharpe, skew = excluded.skew,
  kurtosis = excluded.kurtosis, net_atoms = excluded.net_atoms, fills = excluded.fills,
  verdict = excluded.verdict, wall_s = excluded.wall_s
WHERE excluded.kind != 'trial'
"""
_UPSERT_SOURCE: Final = "INSERT OR IGNORE INTO sources VALUES (:run_id, :source_sha256)"


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One backtest, summed up. Sharpe is per `period_ns`, kurtosis raw; all three None where nothing varied.

    `parameters` is JSON with sorted keys. `from_ns` and `to_ns` are the first and last moment of the curve.
    `study` is the optimisation that a trial belongs to. `created_utc` is when it was first run.
    `source_sha256` is of the strategy's own files, empty for one of openoutcry's.
    """

    run_id: str
    kind: RunKind
    strategy: str
    parameters: str
    dataset_sha256: str
    settings_hash: str
    seed: int
    from_ns: int
    to_ns: int
    period_ns: int
    periods: int
    sharpe: float | None
    skew: float | None
    kurtosis: float | None
    net_atoms: int
    fills: int
    verdict: str = ""
    study: str = ""
    created_utc: str = ""
    wall_s: float = 0.0
    source_sha256: str = ""


def canonical(value: object) -> str:
    """A value as JSON with sorted keys: equal values give equal text."""
    return msgspec.json.encode(value, order="sorted").decode()


def dataset_hash(hashes: Iterable[str]) -> str:
    """The hash of all the data of a run: the one's own, or that of all hashes in their order."""
    known = list(hashes)
    return known[0] if len(known) == 1 else hashlib.sha256("\n".join(known).encode()).hexdigest()


def settings_hash(settings: Mapping[str, Any]) -> str:
    """The hash of those settings on which a result depends and that are no column of their own.

    Left out are the strategy and its parameters, the seed, and what only a live system has.
    """
    kept = {name: value for name, value in settings.items() if name not in APART}
    if isinstance(kept.get("strategy"), Mapping):
        kept["strategy"] = {
            name: value for name, value in kept["strategy"].items() if name not in ("name", "parameters")
        }
    return hashlib.sha256(canonical(kept).encode()).hexdigest()


def backtest_id(
    strategy: str,
    parameters: Mapping[str, Any],
    *,
    dataset_sha256: str,
    settings_hash: str,
    seed: int,
    from_ns: int,
    to_ns: int,
    code: str,
) -> str:
    """The id of a backtest, from all that decides its result: the same run has the same id, wherever it runs.

    `b-` and 12 hexadecimal digits. `code` is the hash of the strategy's source, or the version of openoutcry
    that it belongs to.
    """
    text = canonical(
        [strategy, dict(parameters), dataset_sha256, settings_hash, seed, from_ns, to_ns, code],
    )
    return f"b-{hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]}"


def row_of(result: BacktestResult, kind: RunKind = "run", *, verdict: str = "", study: str = "") -> RunRow:
    """Sum a result up.

    Raises:
        InvalidInputError: its curve is empty or not in order of time.
    """
    if not len(result.curve):
        raise InvalidInputError(f"{result.strategy}: a backtest without a curve cannot be kept; give it data")
    row = summed_up(
        result.strategy,
        result.parameters,
        returns_of_curve(result.curve, result.opening_atoms),
        dataset_sha256=dataset_hash(dataset.sha256 for dataset in result.datasets),
        settings_hash=settings_hash(result.settings),
        seed=result.seed,
        span_ns=(int(result.curve.times_ns[0]), int(result.curve.times_ns[-1])),
        net_atoms=result.net_atoms,
        fills=len(result.fills),
        source_sha256=result.source_sha256,
        version=result.versions.get(PACKAGE, ""),
    )
    return msgspec.structs.replace(row, kind=kind, verdict=verdict, study=study, wall_s=result.wall_s)


def summed_up(
    strategy: str,
    parameters: Mapping[str, Any],
    returns: Returns,
    *,
    dataset_sha256: str,
    settings_hash: str,
    seed: int,
    span_ns: tuple[int, int],
    net_atoms: int,
    fills: int,
    source_sha256: str = "",
    version: str = "",
) -> RunRow:
    """The row of a backtest of which the returns are known; `span_ns` is from when to when.

    `source_sha256` is of the strategy's own files; without them `version` of openoutcry is that of its code.
    """
    moments = moments_of(returns.values) if len(returns) > 1 else None
    known = moments if moments is not None and moments.deviation > 0 else None
    identity: dict[str, Any] = {
        "dataset_sha256": dataset_sha256,
        "settings_hash": settings_hash,
        "seed": seed,
        "from_ns": span_ns[0],
        "to_ns": span_ns[1],
    }
    return RunRow(
        run_id=backtest_id(strategy, parameters, **identity, code=source_sha256 or version),
        kind="trial",
        strategy=strategy,
        parameters=canonical(dict(parameters)),
        period_ns=returns.period_ns,
        periods=len(returns),
        sharpe=known.sharpe if known else None,
        skew=known.skew if known else None,
        kurtosis=known.kurtosis if known else None,
        net_atoms=net_atoms,
        fills=fills,
        source_sha256=source_sha256,
        **identity,
    )


class RunStore:
    """The store in a state folder; any number of processes may write to it at once."""

    def __init__(self, state: Path) -> None:
        """Open the store, or make it.

        Raises:
            JournalError: the folder cannot be written, or the file is damaged, not ours or newer.
        """
        self.folder: Final = state / FOLDER
        self.path: Final = self.folder / "runs.sqlite"
        with alone(self.path):  # SQLite does not wait for its turn to switch a new file to WAL
            self._connection = open_writer(
                self.path,
                schema=_SCHEMA,
                application_id=APPLICATION_ID,
                schema_version=SCHEMA_VERSION,
                synchronous="NORMAL",
            )
        self._connection.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def save(
        self, result: BacktestResult, kind: RunKind = "run", *, verdict: str = "", study: str = ""
    ) -> Path:
        """Keep a whole result under its `backtest_id`, whatever it says its id is; returns its folder.

        Raises:
            InvalidInputError: as `row_of`.
            JournalError: it cannot be written.
        """
        row = row_of(result, kind, verdict=verdict, study=study)
        folder = self.folder / row.run_id
        write_result(folder, _named(result, row.run_id))
        self.add([row])
        return folder

    def add(self, rows: Iterable[RunRow]) -> None:
        """Count runs or trials, in one transaction. One that is known is not counted again.

        Raises:
            JournalError: they cannot be written.
        """
        now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        stamped = [{**msgspec.structs.asdict(row), "created_utc": row.created_utc or now} for row in rows]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_UPSERT, stamped)
            self._connection.executemany(_UPSERT_SOURCE, [each for each in stamped if each["source_sha256"]])
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise JournalError(
                f"{self.path} cannot be written ({error}); check the folder's permissions and free space"
            ) from error

    def load(self, run_id: str) -> BacktestResult:
        """The result of a run.

        Raises:
            MissingDataError: its result was not kept (trials are a row only), or cannot be read.
        """
        found = self._select("WHERE run_id = ?", (run_id,))
        return read_result(self.folder / run_id, wall_s=found[0].wall_s if found else 0.0)

    def find(self, reference: str) -> RunRow:
        """The row of a run, by its id or an unambiguous beginning of it.

        Raises:
            MissingDataError: there is no run yet.
            InvalidInputError: no run, or several, are called so.
        """
        if not re.fullmatch(r"[a-z0-9-]+", reference):
            raise InvalidInputError(f"{reference!r} is no run's id; give one as b-0123456789ab")
        found = self._select("WHERE run_id GLOB ? || '*' ORDER BY run_id", (reference,))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(row.run_id for row in found[:SHOWN])
            raise InvalidInputError(
                f"{len(found)} backtests begin with {reference!r} ({names}, …); give more of it"
            )
        latest = self._select("WHERE kind != 'trial' ORDER BY created_utc DESC LIMIT 20", ())
        if not latest:
            raise MissingDataError(f"there is no backtest in {self.folder} yet; run `openoutcry backtest`")
        near = did_you_mean(reference, [row.run_id for row in latest])
        raise InvalidInputError(f"there is no backtest {reference!r} in {self.folder}; {near}")

    def trials_of(self, strategy: str, dataset_sha256: str) -> tuple[RunRow, ...]:
        """Everything that was tried with a strategy on this data, one row for each distinct try.

        Distinct are the strategy's own source, parameters, settings and time; another seed is no new try. The
        curve of a walk-forward is made of trials, and none itself.
        """
        return tuple(
            self._select(
                "WHERE strategy = ? AND dataset_sha256 = ? AND kind != 'walk-forward' GROUP BY parameters, "
                "settings_hash, from_ns, to_ns, source_sha256 ORDER BY created_utc, run_id",
                (strategy, dataset_sha256),
            )
        )

    def runs(self, limit: int = 20) -> tuple[RunRow, ...]:
        """The runs whose results are kept, newest first."""
        query = "WHERE kind != 'trial' ORDER BY created_utc DESC, run_id LIMIT ?"
        return tuple(self._select(query, (limit,)))

    def _select(self, query: str, values: tuple[object, ...]) -> list[RunRow]:
        """The rows that a query's conditions leave."""
        try:
            return [RunRow(**dict(row)) for row in self._connection.execute(_ROWS + query, values)]
        except sqlite3.Error as error:
            raise damaged(self.path, error) from error


def _named(result: BacktestResult, run_id: str) -> BacktestResult:
    if result.run_id == run_id:
        return result
    fields = {name: getattr(result, name) for name in result.__dataclass_fields__}
    return BacktestResult(**{**fields, "run_id": run_id})


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else opens the file in this while."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(
            path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE_MODE
        )
    except OSError as error:
        raise JournalError(f"{path.parent} cannot be written ({error}); give another --state-dir") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
