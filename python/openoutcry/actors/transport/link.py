"""The two ends of a connection: persistent, one-way, pipelined, and acknowledged a little later.

The receiver says now and then how many messages its actor has taken. What it had not when the connection
breaks is known to the sender, which can so tell what was perhaps never seen.
"""

import contextlib
import errno
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from openoutcry.actors.transport import codec
from openoutcry.actors.transport.address import address_at

READ_BYTES: Final = 262_144
SEND_BUFFER_BYTES: Final = 1 << 20
WRITE_CHUNKS_MAX: Final = 64
ACK_EVERY: Final = 256  # messages
ACK_DELAY_S: Final = 0.02
CONNECT_RETRY_S: Final = 0.002  # while the listener's queue of connections is full
BACKLOG_BYTES_MAX: Final = 64 << 20  # of one target; Thespian's TCP base blocks the sender instead
UNTAKEN_MAX: Final = 100_000  # messages
LARGE_BYTES: Final = 65_536  # after such a message no more is read until the actor has taken all it has

_CREDENTIALS: Final = struct.Struct("3i")


class MailboxFullError(Exception):
    """A target does not keep up: it takes no more from this sender until it has caught up."""


def is_own_user(sock: socket.socket) -> bool:
    """Whether the process at the other end runs as our user."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(raw)[1] == os.getuid())


class Owner(Protocol):
    """Whose links these are: the transport of a process."""

    loop: Any
    lock: threading.RLock  # held by whoever sends

    def in_loop(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Call soon, on the thread that runs the loop."""

    def on_lost(self, link: "Outgoing", in_order: bool) -> None:  # noqa: FBT001  a callback
        """A link has gone; called once."""

    def on_drained(self) -> None:
        """A link has written all that waited."""


class Outgoing:
    """Our messages to one target.

    Any thread may send that holds the owner's lock. What belongs to the loop is done on the loop's thread.
    """

    __slots__ = (
        "_backlog",
        "_is_watched",
        "_owner",
        "_reader",
        "_said_goodbye",
        "_sock",
        "_untaken",
        "backlog_bytes",
        "is_lost",
        "path",
        "taken",
    )

    def __init__(self, path: str, greeting: bytes, owner: Owner) -> None:
        """Connect.

        Raises:
            OSError: nobody listens there, or not as our user; or we have no descriptor left.
        """
        self.path = path
        self.taken = 0  # messages that the target's actor has handled
        self.backlog_bytes = 0
        self.is_lost = False
        self._owner = owner
        self._reader = codec.FrameReader()
        self._untaken: deque[bytes] = deque()
        self._backlog: deque[bytes | memoryview] = deque()
        self._is_watched = False
        self._said_goodbye = False
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._sock.setblocking(False)
        self._append(greeting)
        try:
            self._connect()
        except OSError:
            self._sock.close()
            raise

    def _connect(self) -> None:
        code = self._sock.connect_ex(self.path)
        if code == errno.EAGAIN:
            self._owner.in_loop(self._owner.loop.call_later, CONNECT_RETRY_S, self._retry)
            return
        if code:
            raise OSError(code, os.strerror(code), self.path)
        if not is_own_user(self._sock):
            raise PermissionError(f"{self.path} is served by another user; nothing is sent there")
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._write()
        self._owner.in_loop(self._watch)

    def _retry(self) -> None:
        with self._owner.lock:
            if self.is_lost:
                return
            try:
                self._connect()
            except OSError:
                self.lose()

    def _watch(self) -> None:
        if self.is_lost:
            return
        self._is_watched = True
        self._owner.loop.add_reader(self.fileno(), self._readable)
        self._watch_writing()

    def _watch_writing(self) -> None:
        if self._backlog and not self.is_lost:
            self._owner.loop.add_writer(self.fileno(), self._writable)
        elif not self._backlog:
            self._owner.on_drained()

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    @property
    def depth(self) -> int:
        """Messages sent or waiting that the target's actor has not taken."""
        return len(self._untaken)

    def untaken(self) -> list[bytes]:
        """The frames of those messages, oldest first."""
        return list(self._untaken)

    def unsent(self) -> list[bytes]:
        """Those that have not left this process, oldest first."""
        return self.untaken()[len(self._untaken) - min(len(self._backlog), len(self._untaken)) :]

    def send(self, frame: bytes) -> bool:
        """Send now, or when there is room; False if the connection broke on it.

        Raises:
            MailboxFullError: the target is too far behind.
        """
        if self.is_lost:
            return False
        if self._backlog:
            if self.backlog_bytes + len(frame) > BACKLOG_BYTES_MAX or len(self._untaken) >= UNTAKEN_MAX:
                raise MailboxFullError(
                    f"{self.depth} messages ({self.backlog_bytes} bytes) wait for {self.path}, which takes "
                    "none; another is refused: send again when it has caught up"
                )
            self._untaken.append(frame)
            self._append(frame)
            return True
        try:
            count = self._sock.send(frame)
        except BlockingIOError:
            count = 0
        except OSError:
            self.lose()
            return False
        self._untaken.append(frame)
        if count < len(frame):
            self._append(memoryview(frame)[count:])
            self._owner.in_loop(self._watch_writing)
        return True

    def _append(self, data: bytes | memoryview) -> None:
        self._backlog.append(data)
        self.backlog_bytes += len(data)

    def _writable(self) -> None:
        with self._owner.lock:
            if self.is_lost:
                return
            try:
                self._write()
            except OSError:
                self.lose()
                return
            if not self._backlog:
                self._owner.loop.remove_writer(self.fileno())
                self._owner.on_drained()

    def _write(self) -> None:
        while self._backlog:
            chunks = [self._backlog[index] for index in range(min(len(self._backlog), WRITE_CHUNKS_MAX))]
            try:
                count = self._sock.sendmsg(chunks)
            except BlockingIOError:
                return
            self.backlog_bytes -= count
            while count:
                first = self._backlog.popleft()
                if count < len(first):
                    self._backlog.appendleft(memoryview(first)[count:])
                    break
                count -= len(first)

    def _readable(self) -> None:
        if not self.is_lost and not self._read():
            self.lose()

    def _read(self) -> bool:
        """Read until there is nothing: uvloop does not call again if the other end closed in disorder."""
        try:
            while data := self._sock.recv(READ_BYTES):
                for kind, body in self._reader.feed(data):
                    if kind == codec.ACK:
                        self._acknowledge(codec.acknowledged(body))
                    elif kind == codec.BYE:
                        self._said_goodbye = True
        except BlockingIOError:
            return True
        except (OSError, codec.FrameError):
            pass
        return False

    def _acknowledge(self, count: int) -> None:
        while self.taken < count and self._untaken:
            self._untaken.popleft()
            self.taken += 1

    def lose(self) -> None:
        """The connection is of no more use. The owner's `on_lost` is called soon, on the loop's thread."""
        if not self.is_lost:
            self.is_lost = True
            self._owner.in_loop(self._end)

    def _end(self) -> None:
        with self._owner.lock:
            self._read()  # an end that closed in order said before what it had taken
            self._let_go()
            self._backlog.clear()
            self.backlog_bytes = 0
        self._owner.on_lost(self, self._said_goodbye)

    def _let_go(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._owner.loop.remove_reader(self.fileno())
            self._owner.loop.remove_writer(self.fileno())
        self._sock.close()

    def close(self) -> None:
        """Say goodbye and close; `on_lost` is not called. What still waits is not sent."""
        if not self.is_lost and not self._backlog:
            with contextlib.suppress(OSError):
                self._sock.send(codec.BYE_FRAME)
        self.is_lost = True
        self._let_go()


class Incoming:
    """One sender's messages to us. `on_message(link, message)` for each, `on_closed(link)` at the end."""

    __slots__ = (
        "_acknowledged",
        "_is_ack_due",
        "_loop",
        "_on_closed",
        "_on_message",
        "_reader",
        "_sock",
        "is_closed",
        "is_paused",
        "sender",
        "taken",
        "undecodable",
    )

    def __init__(
        self,
        sock: socket.socket,
        loop: Any,
        on_message: Callable[["Incoming", Any], None],
        on_closed: Callable[["Incoming"], None],
    ) -> None:
        self.sender: Any = None
        self.taken = 0
        self.undecodable = 0
        self.is_closed = False
        self.is_paused = False
        self._acknowledged = 0
        self._is_ack_due = False
        self._sock = sock
        self._loop = loop
        self._reader = codec.FrameReader()
        self._on_message = on_message
        self._on_closed = on_closed
        sock.setblocking(False)
        loop.add_reader(sock.fileno(), self.read)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def read(self) -> None:
        """Take what has come."""
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            for kind, body in self._reader.feed(data):
                self._take_frame(kind, body)
        except codec.FrameError:
            data = b""
        if not data:
            self.close()
        elif self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            # The sender closed without reading our last acknowledgement. What it sent is still here to be
            # read, but uvloop does not call again once it has seen the error.
            self._loop.call_soon(self._watch_again)

    def _watch_again(self) -> None:
        if not self.is_closed and not self.is_paused:
            self._loop.remove_reader(self.fileno())
            self._loop.add_reader(self.fileno(), self.read)

    def _take_frame(self, kind: int, body: memoryview) -> None:
        if kind == codec.HELLO:
            self.sender = address_at(str(body, "utf-8"))
        elif kind != codec.BYE:
            try:
                message = codec.CODEC.message(kind, body)
            except Exception as error:  # noqa: BLE001  whatever a foreign class does when it is unpickled
                self.undecodable += 1
                message = codec.Undecodable(f"{type(error).__name__}: {error}")
            if len(body) > LARGE_BYTES:
                self.pause()
            self._on_message(self, message)

    def took(self) -> None:
        """The actor has handled one of this sender's messages."""
        self.taken += 1
        if self.taken - self._acknowledged >= ACK_EVERY:
            self._acknowledge()
        elif not self._is_ack_due:
            self._is_ack_due = True
            self._loop.call_later(ACK_DELAY_S, self._ack_due)

    def _ack_due(self) -> None:
        self._is_ack_due = False
        self._acknowledge()

    def _acknowledge(self) -> None:
        if self.taken == self._acknowledged or self.is_closed:
            return
        frame = codec.ack(self.taken)
        try:
            # A few bytes: they fit, or the sender reads nothing and will hear the next one.
            if self._sock.send(frame) == len(frame):
                self._acknowledged = self.taken
        except BlockingIOError:
            pass
        except OSError:  # the sender has gone; what it sent before is still here to be read
            self._acknowledged = self.taken

    def pause(self) -> None:
        """Read no more for now: the actor is behind, and the sender shall know."""
        if not self.is_paused and not self.is_closed:
            self.is_paused = True
            self._loop.remove_reader(self.fileno())

    def resume(self) -> None:
        """Read again."""
        if self.is_paused and not self.is_closed:
            self.is_paused = False
            self._loop.add_reader(self.fileno(), self.read)

    def close(self) -> None:
        """Say what was taken, say goodbye, close."""
        if self.is_closed:
            return
        if not self.is_paused:
            self._loop.remove_reader(self.fileno())
        with contextlib.suppress(OSError):
            self._sock.send(codec.ack(self.taken) + codec.BYE_FRAME)
        self.is_closed = True
        self._on_closed(self)
        self._sock.close()
