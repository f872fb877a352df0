"""A backtest's result as files: all but the curve as MessagePack, the curve's columns as npz."""

import io
import os
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from openoutcry.backtesting.result import BacktestResult, Curve, DatasetRecord
from openoutcry.domain.errors import JournalError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill

FORMAT_VERSION: Final = 1
RESULT_FILE: Final = "result.msgpack"
CURVE_FILE: Final = "curve.npz"
COLUMNS: Final = ("times_ns", "equity_atoms", "benchmark_atoms", "position_lots", "price_ticks")


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a result but its curve and its wall time, in the file's order."""

    version: int
    run_id: str
    strategy: str
    parameters: dict[str, Any]
    instruments: dict[str, Instrument]
    datasets: tuple[DatasetRecord, ...]
    seed: int
    settings: dict[str, Any]
    config_hash: str
    versions: dict[str, str]
    opening_atoms: int
    fills: tuple[Fill, ...]
    fees_atoms: int
    funding_atoms: int
    counts: dict[str, int]
    refusals: dict[str, int]
    assumptions: tuple[str, ...]
    halt_reason: str
    unfilled: dict[str, str] = {}
    marks: dict[str, int] = {}
    replay_speed: float = 0.0
    source_sha256: str = ""
    idle_reason: str = ""


def write_result(folder: Path, result: BacktestResult) -> None:
    """Write a result into a folder, which is made; each file appears whole or not at all.

    The same result gives the same bytes: mappings keep their order, `wall_s` is left out. Mappings must hold
    what MessagePack can: tuples come back as lists.

    Raises:
        JournalError: the folder or a file cannot be written.
    """
    fields = {name: getattr(result, name) for name in _Stored.__struct_fields__ if name != "version"}
    # The symbols' order says which one is first, so keys are not sorted.
    content = msgspec.msgpack.encode(_Stored(version=FORMAT_VERSION, **fields))
    curve = io.BytesIO()
    np.savez(curve, **{name: getattr(result.curve, name) for name in COLUMNS})
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(folder / CURVE_FILE, curve.getvalue())
        _replace(folder / RESULT_FILE, content)
    except OSError as error:
        raise JournalError(
            f"{folder} cannot be written ({error}); check the folder's permissions and free space"
        ) from error


def read_result(folder: Path, *, wall_s: float = 0.0) -> BacktestResult:
    """What `write_result` wrote.

    Raises:
        MissingDataError: there is no result in the folder, it is damaged, or of a newer version.
    """
    try:
        stored = msgspec.msgpack.decode((folder / RESULT_FILE).read_bytes(), type=_Stored)
        with np.load(folder / CURVE_FILE, allow_pickle=False) as columns:
            curve = Curve(**{name: columns[name] for name in COLUMNS})
    except (OSError, KeyError, ValueError, EOFError, msgspec.MsgspecError) as error:
        raise MissingDataError(
            f"the backtest in {folder} cannot be read ({error}); run it again: the same run gets the same id"
        ) from error
    if stored.version > FORMAT_VERSION:
        raise MissingDataError(
            f"the backtest in {folder} was written by a newer openoutcry; upgrade, or run it again"
        )
    fields = {name: getattr(stored, name) for name in _Stored.__struct_fields__ if name != "version"}
    return BacktestResult(curve=curve, wall_s=wall_s, **fields)


def _replace(path: Path, content: bytes) -> None:
    """Put a file in place in one step; writers of the same run write the same bytes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
