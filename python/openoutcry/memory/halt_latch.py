"""The halt flag: a small file that stops every order until an operator takes it away."""

import os
import tempfile
from pathlib import Path
from typing import Final

import msgspec

FILE_NAME: Final = "halt.json"
LIFTED_FILE_NAME: Final = "halt.lifted.json"


class HaltRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Why trading is halted, by whose word, since when (UTC ns). `lifted_by` is set once it is over."""

    reason: str
    by: str
    at_ns: int
    lifted_by: str = ""


class HaltLatch:
    """A durable halt: it survives restarts, and whatever cannot be read counts as a halt."""

    def __init__(self, state_dir: Path) -> None:
        """Use (and create) the state folder. Raises OSError if that cannot be done."""
        state_dir.mkdir(parents=True, exist_ok=True)
        self._folder = state_dir
        self._path = str(state_dir / FILE_NAME)

    def is_armed(self) -> bool:
        """One `stat`, cheap enough before every order. Only a present folder without the file means no."""
        try:
            os.lstat(self._path)
        except FileNotFoundError:
            return not self._folder.is_dir()
        except OSError:
            return True
        return True

    def read(self) -> HaltRecord | None:
        """The halt in force, or None. A file that cannot be read or understood is a halt all the same."""
        if not self.is_armed():
            return None
        try:
            return msgspec.json.decode(Path(self._path).read_bytes(), type=HaltRecord, strict=True)
        except FileNotFoundError:  # lifted meanwhile, or the state folder is gone
            return None if not self.is_armed() else self._unreadable("the state folder is gone")
        except (OSError, msgspec.MsgspecError) as error:
            return self._unreadable(str(error))

    def arm(self, reason: str, by: str, at_ns: int) -> HaltRecord:
        """Halt, durably; a halt already in force is kept, because its reason came first.

        Raises:
            OSError: the flag could not be made durable. The caller must stop by itself.
        """
        record = self.read()
        if record is not None:
            return record
        record = HaltRecord(reason=reason, by=by, at_ns=at_ns)
        self._write(self._path, record)
        return record

    def lift(self, by: str) -> HaltRecord | None:
        """End the halt in force and return it; who lifted it is kept in `halt.lifted.json`.

        Raises:
            OSError: the flag could not be taken away; the halt stays.
        """
        record = self.read()
        if record is None:
            return None
        lifted = msgspec.structs.replace(record, lifted_by=by)
        self._write(str(self._folder / LIFTED_FILE_NAME), lifted)
        Path(self._path).unlink()
        self._sync_folder()
        return lifted

    def _unreadable(self, why: str) -> HaltRecord:
        return HaltRecord(
            reason=f"the halt flag {self._path} cannot be read ({why})", by="halt_latch", at_ns=0
        )

    def _write(self, path: str, record: HaltRecord) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix="halt.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(record))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
