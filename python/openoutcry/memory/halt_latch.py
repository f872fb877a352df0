"""The halt: a flag in shared memory that stops every order, and the file that keeps it for ever after."""

import os
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from openoutcry.native import HaltFlag

FILE_NAME: Final = "halt.json"
FLAG_FILE_NAME: Final = "halt.flag"
LIFTED_FILE_NAME: Final = "halt.lifted.json"


class HaltRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Why trading is halted, by whose word, since when (UTC ns). `lifted_by` is set once it is over."""

    reason: str
    by: str
    at_ns: int
    lifted_by: str = ""


class HaltLatch:
    """A durable halt: it survives restarts, and whatever cannot be read counts as a halt.

    The flag makes it quick, the file makes it last: either is a halt. Arming sets the flag first, lifting
    clears it last. No lock is taken, so nobody can keep another from halting.
    """

    def __init__(self, state_dir: Path) -> None:
        """Use (and create) the state folder. Raises OSError if that cannot be done."""
        state_dir.mkdir(parents=True, exist_ok=True)
        self._folder = state_dir.absolute()
        self._path = self._folder / FILE_NAME
        self._flag = HaltFlag(flag=self._folder / FLAG_FILE_NAME, record=self._path)

    def is_armed(self) -> bool:
        """No order may leave. Cheap enough before each: it is one call into the core."""
        return self._flag.is_armed()

    def permit(self) -> None:
        """Ask right before an order leaves.

        Raises:
            HaltedError: it must not; the message says by what it is halted.
        """
        self._flag.permit()

    def read(self) -> HaltRecord | None:
        """The halt in force, or None. A file that cannot be read or understood is a halt all the same."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=HaltRecord, strict=True)
        except FileNotFoundError:
            return self._without_file() if self.is_armed() else None
        except (OSError, msgspec.MsgspecError) as error:
            return self._unknown(f"{self._path} cannot be read ({error})")

    def arm(self, reason: str, by: str, at_ns: int) -> HaltRecord:
        """Halt, at once and durably; a halt already in force is kept, because its reason came first.

        Raises:
            OSError: it could not be made durable. Orders are stopped, but a restart may not know of it.
        """
        self._flag.arm(at_ns)
        record = HaltRecord(reason=reason, by=by, at_ns=at_ns)
        if not os.path.lexists(self._path) and self._write(self._path, record, replace=False):
            return record
        return self.read() or record

    def lift(self, by: str) -> HaltRecord | None:
        """End the halt in force and return it; who lifted it is kept in `halt.lifted.json`.

        One that is armed anew in the meantime stays in force: `is_armed` says so.

        Raises:
            OSError: the halt could not be taken away, and stays.
        """
        seen = self._flag.generation()
        record = self.read()
        if record is None:
            return None
        lifted = msgspec.structs.replace(record, lifted_by=by)
        self._write(self._folder / LIFTED_FILE_NAME, lifted, replace=True)
        self._path.unlink(missing_ok=True)
        self._sync_folder()
        if not self._flag.clear(seen):  # the file of the new halt may have been the one taken away
            self.arm(f"armed anew while {by} lifted: {record.reason}", "halt_latch", self._flag.armed_at_ns())
        return lifted

    def _without_file(self) -> HaltRecord:
        try:
            at_ns = self._flag.armed_at_ns()
        except OSError as error:  # gone, broken or not ours
            return self._unknown(f"nobody can know whether it is armed: {error}")
        return self._unknown("the flag is set, but its reason was not (or not yet) written", at_ns)

    def _unknown(self, why: str, at_ns: int = 0) -> HaltRecord:
        return HaltRecord(reason=f"a halt without a known reason: {why}", by="halt_latch", at_ns=at_ns)

    def _write(self, path: Path, record: HaltRecord, *, replace: bool) -> bool:
        """Write a file in one durable step; False if it exists and shall not be replaced."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix="halt.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(record))
                file.flush()
                os.fsync(file.fileno())
            if replace:
                Path(temporary).replace(path)
            else:
                path.hardlink_to(temporary)
        except FileExistsError:
            return False
        finally:
            Path(temporary).unlink(missing_ok=True)
        self._sync_folder()
        return True

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
