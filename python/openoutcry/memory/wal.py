"""SQLite's write-ahead log, checked for damage that SQLite itself passes over in silence.

SQLite ends its reading of a log at the first frame whose checksum does not fit, and so drops committed
transactions after it without a word. A torn last transaction is the ordinary trace of a crash; a bad frame
with a committed one after it is not, because every commit was synced before the next was begun.
Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import struct
from pathlib import Path
from typing import Final

from openoutcry.domain.errors import JournalError

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_MAGIC: Final = (0x377F0682, 0x377F0683)


def check(database: Path) -> None:
    """Check the log beside a database, if there is one.

    Raises:
        JournalError: a frame is damaged and committed work follows it; names the offset in the file.
    """
    path = database.with_name(database.name + "-wal")
    content = path.read_bytes() if path.is_file() else b""
    if len(content) < _HEADER.size:
        return
    magic, _format, page_size, _checkpoint, salt_1, salt_2, sum_1, sum_2 = _HEADER.unpack_from(content)
    order = ">" if magic & 1 else "<"
    if magic not in _MAGIC or _checksum(content[:24], order, (0, 0)) != (sum_1, sum_2):
        if len(content) > _HEADER.size:
            raise _damage(path, 0)
        return
    damaged_at, torn_ended, running = -1, False, (sum_1, sum_2)
    for offset in range(_HEADER.size, len(content) - _FRAME.size - page_size + 1, _FRAME.size + page_size):
        _page, commit_size, frame_salt_1, frame_salt_2, *stored = _FRAME.unpack_from(content, offset)
        page = content[offset + _FRAME.size : offset + _FRAME.size + page_size]
        # Frames with other salts are left from before the log was last restarted, unless work of this round
        # follows.
        fits = (frame_salt_1, frame_salt_2) == (salt_1, salt_2) and (
            _checksum(content[offset : offset + 8] + page, order, running) == tuple(stored)
        )
        running = (stored[0], stored[1])
        if damaged_at < 0 and not fits:
            damaged_at, torn_ended = offset, bool(commit_size)
        elif damaged_at >= 0 and fits and commit_size:
            # The first commit after the damage may be the torn transaction's own.
            if torn_ended:
                raise _damage(path, damaged_at)
            torn_ended = True


def _checksum(data: bytes, order: str, start: tuple[int, int]) -> tuple[int, int]:
    """SQLite's cumulative checksum over 32-bit words."""
    sum_1, sum_2 = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        sum_1 = (sum_1 + first + sum_2) & 0xFFFFFFFF
        sum_2 = (sum_2 + second + sum_1) & 0xFFFFFFFF
    return sum_1, sum_2


def _damage(path: Path, offset: int) -> JournalError:
    return JournalError(
        f"the journal's log {path} is damaged at byte {offset} and later commits would be lost; do not "
        "trade on it: keep the file, start with an empty state folder, and let reconciliation take up what "
        "the venue holds"
    )
