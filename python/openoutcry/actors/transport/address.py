"""Where an actor can be reached on this host: a Unix socket in a folder that only its owner may enter."""

import contextlib
import fcntl
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Any, Final

import thespian.actors as thespian

SOCKET_DIR: Final = "Socket Directory"  # capability: the folder of one actor system
ADMIN_PORT: Final = "Admin Port"  # capability: names a system that is given no folder
DEFAULT_PORT: Final = 1900  # Thespian's own
PATH_BYTES_MAX: Final = 107  # sun_path, less its terminating zero

_ADMIN: Final = "admin"
_LOCK: Final = "lock"
_FOLDER_MODE: Final = 0o700


class UnixAddress:
    """The details of an ActorAddress: the path of the socket it listens on, never used again by another."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnixAddress) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __str__(self) -> str:
        return f"(U|{Path(self.path).name})"

    def isSameSystem(self, other: object) -> bool:  # noqa: N802  Thespian's name
        """Whether the other belongs to the same actor system."""
        details = getattr(other, "addressDetails", other)
        return isinstance(details, UnixAddress) and Path(details.path).parent == Path(self.path).parent


def address_at(path: str) -> Any:
    """The ActorAddress of a socket."""
    return thespian.ActorAddress(UnixAddress(path))


def path_of(address: Any) -> str:
    """The socket of an ActorAddress of this base.

    Raises:
        TypeError: the address is of another base.
    """
    details = address.addressDetails
    if not isinstance(details, UnixAddress):
        raise TypeError(f"{address} is no address of this host's actor system; its base cannot reach it")
    return details.path


def new_path(folder: Path) -> str:
    """A path for one more socket. It is random, so that a dead actor's address never means a living one."""
    return str(folder / f"{os.getpid()}-{secrets.token_hex(4)}")


def admin_path(capabilities: dict[str, Any]) -> str:
    """The socket of a system's admin, as its capabilities name the system."""
    given = capabilities.get(SOCKET_DIR)
    folder = Path(given) if given else socket_root() / f"port-{capabilities.get(ADMIN_PORT, DEFAULT_PORT)}"
    return str(folder / _ADMIN)


def socket_root() -> Path:
    """Where the folders of this user's actor systems lie. It need not exist."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK | os.X_OK):
        return Path(runtime) / "openoutcry"
    return Path(tempfile.gettempdir()) / f"openoutcry-{os.getuid()}"


def claim_folder(folder: Path) -> int:
    """Make a system's folder if need be, and mark it as in use as long as the returned descriptor is open.

    Raises:
        OSError: it is not ours alone, or a socket's path in it would be too long.
    """
    if len(os.fsencode(folder / "4194304-00000000")) > PATH_BYTES_MAX:
        raise OSError(f"{folder} is too long for sockets in it ({PATH_BYTES_MAX} bytes); give a shorter one")
    while True:
        try:
            _make_private(folder.parent)
            _make_private(folder)
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # its last user removed it meanwhile
            continue
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), (folder / _LOCK).stat()):
                return descriptor
        os.close(descriptor)


def _make_private(folder: Path) -> None:
    if folder == Path(tempfile.gettempdir()):
        return
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=_FOLDER_MODE, parents=True)
    _require_private(folder)


def _require_private(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(
            f"{folder} must be a folder that only this user may enter: anybody else could send orders; "
            "remove it, or set XDG_RUNTIME_DIR to a folder of yours"
        )


def remove_folder(folder: Path) -> bool:
    """Remove a system's folder, unless one of its processes still lives. Says whether it is gone."""
    lock = folder / _LOCK
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        with contextlib.suppress(OSError):  # it is gone already, or somebody is about to claim it
            folder.rmdir()
        return not folder.exists()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(FileNotFoundError):
            if not os.path.samestat(os.fstat(descriptor), lock.stat()):
                return False  # removed and claimed again meanwhile: it is another system's
            _remove_unlocked(folder, lock)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove_unlocked(folder: Path, lock: Path) -> None:
    """The lock goes last: as long as it is there, whoever wants to claim the folder waits for it."""
    for each in folder.iterdir():
        if each != lock:
            with contextlib.suppress(OSError):  # a folder: nothing of ours
                each.unlink()
    lock.unlink()
    with contextlib.suppress(OSError):  # it has been claimed again
        folder.rmdir()


def sweep() -> list[Path]:
    """Remove the folders of systems of which no process lives any more, as after a power cut."""
    try:
        _require_private(socket_root())
        found = sorted(socket_root().iterdir())
    except (FileNotFoundError, PermissionError):  # to claim a folder in there says what is wrong
        return []
    return [
        folder for folder in found if not folder.is_symlink() and folder.is_dir() and remove_folder(folder)
    ]
