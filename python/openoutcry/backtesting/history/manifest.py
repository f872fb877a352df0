"""What a dataset of the catalogue is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from openoutcry.backtesting.history.source import data_kind
from openoutcry.backtesting.result import DatasetRecord, Finding
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import TimestampNs

MANIFEST: Final = "manifest.json"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DayFiles(msgspec.Struct, frozen=True, kw_only=True):
    """One day of a dataset: its content's hash and the files that hold it, in order."""

    day: str
    sha256: str
    rows: int
    first_ns: int
    last_ns: int
    files: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a dataset is. `shift_ns` is added to receive times when they are read."""

    instrument: Instrument
    kind: str
    source: str
    sha256: str
    shift_ns: int = 0
    days: tuple[DayFiles, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def reference(self) -> str:
        """How the dataset is named: `venue:symbol:kind`."""
        return f"{self.instrument.venue}:{self.instrument.venue_symbol}:{self.kind}"

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(day.rows for day in self.days)

    def record(self, path: Path) -> DatasetRecord:
        """The dataset as a result remembers it."""
        return DatasetRecord(
            name=self.reference,
            path=str(path),
            kind=data_kind(self.kind),
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            first_ns=TimestampNs(self.days[0].first_ns if self.days else 0),
            last_ns=TimestampNs(self.days[-1].last_ns if self.days else 0),
            rows=self.rows,
            sha256=self.sha256,
            findings=self.findings,
        )


def day_text(day: int) -> str:
    """A day since 1970 as YYYY-MM-DD."""
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"


def day_hashes(days: tuple[DayFiles, ...]) -> dict[int, str]:
    """The hash of each day, by its number since 1970."""
    return {(datetime.fromisoformat(day.day).replace(tzinfo=UTC) - _EPOCH).days: day.sha256 for day in days}


def read_manifest(folder: Path) -> Manifest | None:
    """What the dataset in a folder is, or None if there is none.

    Raises:
        InvalidInputError: the manifest is damaged.
    """
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidInputError(f"{path} is damaged ({error}); remove {folder} and import it anew") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a dataset's manifest. Raises OSError."""
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
