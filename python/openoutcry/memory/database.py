"""SQLite files as journals: opened one way, refused in words when they cannot be trusted."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final, Literal

from openoutcry.domain.errors import JournalError

BUSY_TIMEOUT_S: Final = 5.0
PRIVATE_FILE_MODE: Final = 0o600

Synchronous = Literal["FULL", "NORMAL"]


def open_writer(
    path: Path, *, schema: str, application_id: int, schema_version: int, synchronous: Synchronous
) -> sqlite3.Connection:
    """Open a journal for writing in WAL mode, and create it if it does not exist.

    Raises:
        JournalError: the file cannot be opened, is damaged, is not ours, or was written by a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE_MODE))
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(
            f"the journal {path} cannot be opened ({error}); check the folder's permissions and free space"
        ) from error
    try:
        _check_identity(connection, path, application_id, schema_version, new_is_fine=True)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.executescript(
            f"BEGIN IMMEDIATE; {schema} PRAGMA application_id={application_id}; "
            f"PRAGMA user_version={schema_version}; COMMIT;"
        )
    except sqlite3.Error as error:
        connection.close()
        raise damaged(path, error) from error
    except JournalError:
        connection.close()
        raise
    return connection


def open_reader(path: Path, *, application_id: int, schema_version: int) -> sqlite3.Connection:
    """Open a journal for reading only, while another process may be writing it.

    Raises:
        JournalError: there is no such file, it is damaged, not ours, or of a newer version.
    """
    if not path.is_file():
        raise JournalError(f"there is no journal at {path}; give the state folder of a run")
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, timeout=BUSY_TIMEOUT_S, isolation_level=None, uri=True)
    except sqlite3.Error as error:
        raise damaged(path, error) from error
    try:
        _check_identity(connection, path, application_id, schema_version, new_is_fine=False)
    except sqlite3.Error as error:
        connection.close()
        raise damaged(path, error) from error
    except JournalError:
        connection.close()
        raise
    return connection


def _check_identity(
    connection: sqlite3.Connection, path: Path, application_id: int, schema_version: int, *, new_is_fine: bool
) -> None:
    found_id = connection.execute("PRAGMA application_id").fetchone()[0]
    found_version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if new_is_fine and not tables and not found_version and not found_id:
        return
    if found_id != application_id:
        raise JournalError(
            f"{path} is another program's database or another journal; give this journal's own path"
        )
    if found_version > schema_version:
        raise JournalError(
            f"{path} was written by a newer openoutcry (journal version {found_version}, this one knows "
            f"{schema_version}); upgrade openoutcry, or use another state folder"
        )
    if found_version < schema_version:
        raise JournalError(
            f"{path} has journal version {found_version}, older than {schema_version}, and no "
            "migration is known; finish with the openoutcry that wrote it, or use another state folder"
        )


def damaged(path: Path, error: object) -> JournalError:
    """The error for a journal that cannot be trusted, with what to do about it."""
    return JournalError(
        f"the journal {path} is damaged or unreadable ({error}); do not trade on it: keep the file, start "
        "with an empty state folder, and let reconciliation take up what the venue holds"
    )


class WriterLock:
    """One writer a journal: a lock on a file beside it, which the kernel frees when its holder dies."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            JournalError: another process (or another journal in this one) holds it.
        """
        lock_path = path.with_name(path.name + ".lock")
        try:
            lock_path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE_MODE)
        except OSError as error:
            raise JournalError(
                f"{lock_path} cannot be opened ({error}); check the folder's permissions"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise JournalError(
                f"another instance is writing {path}; stop it first, or give this one its own state folder"
            ) from error

    def release(self) -> None:
        """Let another writer in."""
        os.close(self._descriptor)
