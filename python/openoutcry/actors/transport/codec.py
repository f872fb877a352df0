"""Frames: what one actor's socket carries to another's.

A frame is a header (length and kind, little endian) and a body. Our own messages go as msgpack by msgspec;
Thespian's, and those of actors that are not ours, as pickles.
"""

import pickle
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

HEADER: Final = struct.Struct("<IB")
HELLO: Final = 0  # the sender's path: the first frame of every connection
PICKLE: Final = 1
ACK: Final = 2  # backwards: how many messages were taken in all
BYE: Final = 3  # the sender of this frame closes in order
FIRST_STRUCT: Final = 16  # this and higher kinds: the registered struct classes, in order

FRAME_BYTES_MAX: Final = 1 << 30

_COUNT: Final = struct.Struct("<Q")
_encoder: Final = msgspec.msgpack.Encoder()


class FrameError(Exception):
    """A frame that cannot be read: its connection is of no more use."""


class Undecodable:
    """Stands for a message that arrived and could not be read; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Codec:
    """Encodes and decodes messages. Both ends register the same classes in the same order, at import."""

    def __init__(self) -> None:
        self._kinds: dict[type, tuple[int, Callable[[Any], bool]]] = {}
        self._decoders: dict[int, msgspec.msgpack.Decoder[Any]] = {}

    def register(self, kind: type[msgspec.Struct], accepts: Callable[[Any], bool] = lambda _: True) -> None:
        """Let a struct class travel as msgpack, but for those that `accepts` does not want."""
        number = FIRST_STRUCT + len(self._decoders)
        self._kinds[kind] = number, accepts
        self._decoders[number] = msgspec.msgpack.Decoder(kind)

    def frame(self, message: Any) -> bytes:
        """A message as a frame.

        Raises:
            FrameError: it is larger than what anybody would read.
            Exception: it cannot be pickled; whatever pickling raised.
        """
        kind, accepts = self._kinds.get(type(message), _NO_KIND)
        if kind and accepts(message):
            try:
                body = _encoder.encode(message)
            except (OverflowError, TypeError, ValueError):
                pass  # an integer beyond 64 bits, or an object that msgpack has no form for
            else:
                return _frame(kind, body)
        return _frame(PICKLE, pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

    def message(self, kind: int, body: memoryview) -> Any:
        """Decode a frame's body.

        Raises:
            Exception: it cannot be decoded; whatever the decoder raised.
        """
        if kind == PICKLE:
            return pickle.loads(body)  # noqa: S301  of our own user, proved by the socket's credentials
        return self._decoders[kind].decode(body)

    def message_in(self, frame: bytes) -> Any:
        """Decode a whole frame. Raises what `message` raises."""
        return self.message(HEADER.unpack_from(frame)[1], memoryview(frame)[HEADER.size :])


_NO_KIND: Final[tuple[int, Callable[[Any], bool]]] = (0, bool)
CODEC: Final = Codec()


def _frame(kind: int, body: bytes) -> bytes:
    if len(body) > FRAME_BYTES_MAX:
        raise FrameError(
            f"a message of {len(body)} bytes; at most {FRAME_BYTES_MAX} are sent: send it in parts"
        )
    return HEADER.pack(len(body), kind) + body


def hello(path: str) -> bytes:
    """The first frame of a connection."""
    return _frame(HELLO, path.encode())


def ack(count: int) -> bytes:
    """A frame that acknowledges `count` messages in all."""
    return _frame(ACK, _COUNT.pack(count))


def acknowledged(body: memoryview) -> int:
    """The count of an ACK."""
    return int(_COUNT.unpack(body)[0])


BYE_FRAME: Final = HEADER.pack(0, BYE)


class FrameReader:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, memoryview]]:
        """The kind and body of each frame that is whole now. A body is valid until the next step.

        Raises:
            FrameError: a length beyond any message's.
        """
        buffer: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            buffer, self._buffer = self._buffer, bytearray()
        view = memoryview(buffer)
        offset, end = 0, len(view)
        while end - offset >= HEADER.size:
            length, kind = HEADER.unpack_from(view, offset)
            if length > FRAME_BYTES_MAX:
                raise FrameError(f"a frame of {length} bytes; at most {FRAME_BYTES_MAX} are sent")
            start = offset + HEADER.size
            if end - start < length:
                break
            offset = start + length
            yield kind, view[start:offset]
        if offset == 0 and isinstance(buffer, bytearray):
            view.release()
            self._buffer = buffer  # a large frame that is not whole yet: not copied again
        elif offset < end:
            self._buffer = bytearray(view[offset:])
