"""The Parquet files of a dataset: a day in one or more, written and read in bounded memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from openoutcry.backtesting.history.content_hash import split_days
from openoutcry.backtesting.history.manifest import DayFiles, day_text
from openoutcry.backtesting.history.source import Source
from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import InvalidInputError

ROWS_PER_FILE: Final = 2**20  # 48 MiB of events in memory while they are written
ROWS_PER_GROUP: Final = 2**16  # 3 MiB of events in memory while they are read


class DayWriter:
    """Writes rows to files of a day, ROWS_PER_FILE at most in memory."""

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder = folder
        self._columns = source.columns
        self._metadata = {
            "venue": source.instrument.venue,
            "symbol": source.instrument.venue_symbol,
            "kind": source.kind,
            "price_tick": source.instrument.price_tick,
            "size_step": source.instrument.size_step,
            "source": str(source.path),
        }
        self._day = -1
        self._waiting: list[Integers] = []
        self._waiting_rows = 0
        self._files: dict[int, list[str]] = {}
        self._spans: dict[int, tuple[int, int, int]] = {}

    def write(self, rows: Integers, progress: Callable[[int], None] | None) -> None:
        """Take the next rows. Raises InvalidInputError if the folder cannot be written."""
        for day, part in split_days(rows):
            if day != self._day:
                self.close()
                self._day = day
            first, _, count = self._spans.get(day, (int(part[0, 0]), 0, 0))
            self._spans[day] = (first, int(part[-1, 0]), count + len(part))
            self._waiting.append(part)
            self._waiting_rows += len(part)
            if self._waiting_rows >= ROWS_PER_FILE:
                self.close()
        if progress is not None:
            progress(len(rows))

    def close(self) -> None:
        """Write what waits."""
        import polars as pl  # noqa: PLC0415  slow to import

        if not self._waiting:
            return
        files = self._files.setdefault(self._day, [])
        part = f".{len(files)}" if files else ""
        name = f"day={day_text(self._day)}{part}.parquet"
        frame = pl.DataFrame(np.vstack(self._waiting), schema=dict.fromkeys(self._columns, pl.Int64))
        try:
            frame.write_parquet(
                self._folder / name,
                compression="zstd",
                row_group_size=ROWS_PER_GROUP,
                metadata=self._metadata,
            )
        except OSError as error:
            raise InvalidInputError(
                f"{self._folder} cannot be written ({error}); give another --catalogue"
            ) from error
        files.append(name)
        self._waiting, self._waiting_rows = [], 0

    def days(self, hashes: dict[int, str]) -> tuple[DayFiles, ...]:
        """The days written."""
        return tuple(
            DayFiles(
                day=day_text(day),
                sha256=hashes[day],
                rows=count,
                first_ns=first,
                last_ns=last,
                files=tuple(self._files[day]),
            )
            for day, (first, last, count) in sorted(self._spans.items())
        )


def read_file(path: Path, columns: tuple[str, ...]) -> Iterator[Integers]:
    """A file's rows, some row groups at a time."""
    import polars as pl  # noqa: PLC0415  slow to import

    try:
        scan = pl.scan_parquet(path)
        total = int(scan.select(pl.len()).collect().item())
        for start in range(0, total, ROWS_PER_GROUP):
            part = scan.select(columns).slice(start, ROWS_PER_GROUP).collect()
            yield np.array(part.to_numpy(order="c"), np.int64, order="C")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInputError(
            f"{path} is damaged, cut off or gone ({error}); import it anew with --replace"
        ) from error
