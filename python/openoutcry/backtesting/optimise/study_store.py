"""The trials of studies on disk, each as soon as it is known: what was interrupted goes on from there."""

import sqlite3
from pathlib import Path
from typing import Final, Self

import msgspec

from openoutcry.backtesting.optimise.trial import Outcome, Trial
from openoutcry.backtesting.run_store import FOLDER, alone
from openoutcry.domain.errors import InvalidInputError, JournalError
from openoutcry.memory.database import damaged, open_writer

APPLICATION_ID: Final = 0x4F4F5354  # "OOST"
SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS studies(name TEXT PRIMARY KEY, identity TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS trials(
  study TEXT NOT NULL, number INTEGER NOT NULL, parameters TEXT NOT NULL, outcome BLOB NOT NULL,
  PRIMARY KEY(study, number)) STRICT, WITHOUT ROWID;
"""


class StudyStore:
    """Studies by name. Two processes that work on the same one write the same trials."""

    def __init__(self, state: Path) -> None:
        """Open the store in a state folder, or make it.

        Raises:
            JournalError: the folder cannot be written, or the file is damaged, not ours or newer.
        """
        self.path: Final = state / FOLDER / "studies.sqlite"
        with alone(self.path):
            self._connection = open_writer(
                self.path,
                schema=_SCHEMA,
                application_id=APPLICATION_ID,
                schema_version=SCHEMA_VERSION,
                synchronous="NORMAL",
            )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, name: str, identity: str) -> list[Trial]:
        """Take a study up, or begin it; returns its trials so far, in order.

        `identity` is all that decides what its trials are and come to.

        Raises:
            InvalidInputError: there is a study of that name about something else.
            JournalError: the file cannot be written.
        """
        self._write("INSERT OR IGNORE INTO studies VALUES (?, ?)", (name, identity))
        try:
            (found,) = self._connection.execute(
                "SELECT identity FROM studies WHERE name = ?", (name,)
            ).fetchone()
            rows = self._connection.execute(
                "SELECT number, parameters, outcome FROM trials WHERE study = ? ORDER BY number", (name,)
            ).fetchall()
            trials = [
                Trial(
                    number=number,
                    parameters=msgspec.json.decode(parameters),
                    outcome=msgspec.msgpack.decode(outcome, type=Outcome),
                )
                for number, parameters, outcome in rows
            ]
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise damaged(self.path, error) from error
        if found != identity:
            differing = _differing(found, identity)
            raise InvalidInputError(
                f"the study {name!r} is about something else (another {', '.join(differing)}); give another "
                "--study, or leave it out"
            )
        return trials

    def add(self, name: str, trial: Trial) -> None:
        """Keep a trial; one that is known stays as it is.

        Raises:
            JournalError: the file cannot be written.
        """
        parameters = msgspec.json.encode(trial.parameters).decode()
        row = (name, trial.number, parameters, msgspec.msgpack.encode(trial.outcome))
        self._write("INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?)", row)

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise JournalError(
                f"{self.path} cannot be written ({error}); check the folder's permissions and free space"
            ) from error


def _differing(one: str, other: str) -> list[str]:
    before, now = msgspec.json.decode(one), msgspec.json.decode(other)
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
