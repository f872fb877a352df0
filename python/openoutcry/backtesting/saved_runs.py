"""Finds what a user calls a run: a backtest in the store, or a run's folder with its journals."""

import dataclasses
from pathlib import Path
from typing import Final

from openoutcry.assembly import paths
from openoutcry.backtesting.history.candles import CandleSeries, load_candles
from openoutcry.backtesting.journals import read_run
from openoutcry.backtesting.judgement import Judgement, judgement_of
from openoutcry.backtesting.report.backtest import write_backtest_report
from openoutcry.backtesting.result import BacktestResult
from openoutcry.backtesting.result_files import RESULT_FILE, read_result
from openoutcry.backtesting.run_store import FOLDER, RunStore, row_of
from openoutcry.backtesting.traded import Traded, traded_in_backtest, traded_in_run
from openoutcry.backtesting.trial_count import trials_with
from openoutcry.domain.errors import InvalidInputError, MissingDataError

BACKTEST_PREFIX: Final = "b-"
REPORT_FILE: Final = "report.html"


def find_backtest(reference: str | None, state_dir: Path | None) -> tuple[Path, BacktestResult] | None:
    """The backtest that a reference names, with its folder: an id or its beginning (`b-…`), or a folder.

    None where it names something else. Raises as `RunStore` and `read_result`.
    """
    if not reference:
        return None
    folder = Path(reference)
    if (folder / RESULT_FILE).is_file():
        return folder, read_result(folder)
    if not reference.startswith(BACKTEST_PREFIX):
        return None
    with RunStore(paths.state_dir(state_dir)) as store:
        run_id = store.find(reference).run_id
        return store.folder / run_id, store.load(run_id)


def latest_backtest(state_dir: Path | None) -> Path | None:
    """The folder of the backtest that was kept last; None if there is none, or a run was since."""
    state = paths.state_dir(state_dir)
    results = (state / FOLDER).glob(f"{BACKTEST_PREFIX}*/{RESULT_FILE}")
    kept = [(file.stat().st_mtime_ns, file.parent) for file in results]
    if not kept:
        return None
    kept_ns, folder = max(kept)
    records = (file.stat().st_mtime_ns for file in (state / "runs").glob("*/run.json"))
    return None if max(records, default=0) > kept_ns else folder


def judged_again(result: BacktestResult, state_dir: Path | None) -> Judgement:
    """Judge a backtest by what was tried up to now, as far as the store knows of it.

    The result of a search was chosen without the data that it is judged by, and is not deflated again.

    Raises:
        JournalError: the store cannot be read.
    """
    row = row_of(result)
    with RunStore(paths.state_dir(state_dir)) as store:
        is_run = any(each.run_id == row.run_id for each in store.trials_of(row.strategy, row.dataset_sha256))
        return judgement_of(result, trials_with(store, row) if is_run else None)


def keep(result: BacktestResult, state_dir: Path | None) -> tuple[Judgement, Path]:
    """Judge a backtest by what was tried before, put it into the store under its id, and write its report.

    Raises:
        InvalidInputError: it has no curve, or the report cannot be written.
        JournalError: the store cannot be written.
    """
    row = row_of(result)
    with RunStore(paths.state_dir(state_dir)) as store:
        named = dataclasses.replace(result, run_id=row.run_id)
        judgement = judgement_of(named, trials_with(store, row))
        folder = store.save(result, verdict=judgement.verdict.line)
    return judgement, write_report_of(folder, judgement)


def write_report_of(folder: Path, judgement: Judgement) -> Path:
    """Write the report of a backtest into its folder, with its candles if their file is still the same."""
    return write_backtest_report(folder / REPORT_FILE, judgement, candles_of(judgement.result))


def candles_of(result: BacktestResult) -> list[CandleSeries]:
    """The candles that a backtest traded on, as far as their files are still there and are the same."""
    found = []
    for dataset in result.datasets:
        if dataset.kind != "candles":
            continue
        try:
            series, record = load_candles(Path(dataset.path))
        except (MissingDataError, InvalidInputError):
            continue  # the report draws the price as a line then
        if record.sha256 == dataset.sha256 and len(result.curve):
            begun, ended = int(result.curve.times_ns[0]), int(result.curve.times_ns[-1])
            start, stop = series.close_ns.searchsorted([begun, ended + 1]).tolist()
            found.append(series.slice(start, stop))
    return found


def traded_of(reference: str, state_dir: Path | None) -> Traded:
    """What a backtest or a run traded.

    Raises:
        MissingDataError: there is no such run or its data is gone.
        InvalidInputError: no run, or several, are called so; or it has several quote assets.
        JournalError: a journal or the store is damaged.
    """
    found = find_backtest(reference, state_dir)
    if found is not None:
        return traded_in_backtest(found[1])
    return traded_in_run(read_run(paths.find_run(paths.state_dir(state_dir), reference).run_dir))
