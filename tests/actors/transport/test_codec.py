import pickle
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.actors.transport import codec

FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=12)


class Point(msgspec.Struct):
    x: int
    label: str = ""


class Loose(msgspec.Struct):
    anything: object


class Opaque:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Opaque) and other.value == self.value

    __hash__ = None


@pytest.fixture
def own_codec():
    codes = codec.Codec()
    codes.register(Point, accepts=lambda point: point.label != "by pickle")
    codes.register(Loose)
    return codes


def written(kind, body):
    return codec.HEADER.pack(len(body), kind) + body


def read(reader, data):
    return [(kind, bytes(body)) for kind, body in reader.feed(data)]


def cut(data, places):
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(FRAMES, st.lists(st.integers(0, 5000), max_size=40))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_frames_cut_anywhere_come_out_the_same(frames, places):
    reader = codec.FrameReader()
    data = b"".join(written(*frame) for frame in frames)
    assert [frame for chunk in cut(data, places) for frame in read(reader, chunk)] == frames


def test_frames_that_come_byte_by_byte_come_out_the_same():
    reader = codec.FrameReader()
    frames = [(1, b""), (2, b"x" * 70), (255, b"\0" * 300)]
    data = b"".join(written(*frame) for frame in frames)
    assert [frame for byte in data for frame in read(reader, bytes([byte]))] == frames


def test_a_large_frame_is_gathered_in_place_between_small_ones():
    body = bytes(range(256)) * (20 << 12)  # 20 MiB
    data = written(16, b"before") + written(17, body) + written(18, b"after")
    reader = codec.FrameReader()
    found = [
        frame for start in range(0, len(data), 65_536) for frame in read(reader, data[start : start + 65_536])
    ]
    assert found == [(16, b"before"), (17, body), (18, b"after")]


def test_a_length_beyond_any_messages_is_an_error_before_its_body_has_come():
    header = codec.HEADER.pack(codec.FRAME_BYTES_MAX + 1, codec.PICKLE)
    with pytest.raises(codec.FrameError, match="at most"):
        read(codec.FrameReader(), header)


def test_a_message_larger_than_what_is_read_is_not_sent(monkeypatch, own_codec):
    monkeypatch.setattr(codec, "FRAME_BYTES_MAX", 1000)
    assert own_codec.frame(b"x" * 900)
    with pytest.raises(codec.FrameError, match="in parts"):
        own_codec.frame(b"x" * 1001)
    with pytest.raises(codec.FrameError, match="in parts"):
        own_codec.frame(Point(1, "x" * 1001))


@given(
    st.one_of(
        st.builds(Point, st.integers(), st.text(max_size=20)),  # integers of any size, "by pickle" among them
        st.builds(Point, st.just(1), st.just("by pickle")),
        st.builds(Loose, st.one_of(st.none(), st.floats(allow_nan=False), st.text())),
        st.builds(Loose, st.builds(Opaque, st.integers())),
        st.builds(Opaque, st.text()),
        st.dictionaries(st.text(), st.binary()),
    )
)
@settings(derandomize=True, deadline=None)
def test_a_message_survives_the_way(message):
    codes = codec.Codec()
    codes.register(Point, accepts=lambda point: point.label != "by pickle")
    codes.register(Loose)
    frame = codes.frame(message)
    assert codes.message_in(frame) == message
    [(kind, body)] = codec.FrameReader().feed(frame)
    assert codes.message(kind, body) == message


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (Point(1), codec.FIRST_STRUCT),
        (Loose("x"), codec.FIRST_STRUCT + 1),
        (Point(1, "by pickle"), codec.PICKLE),
        (Point(1 << 70), codec.PICKLE),
        (Loose(Opaque(1)), codec.PICKLE),
        ("text", codec.PICKLE),
    ],
)
def test_our_own_messages_go_as_msgpack_unless_they_cannot(own_codec, message, kind):
    assert codec.HEADER.unpack_from(own_codec.frame(message))[1] == kind


@pytest.mark.parametrize("kind", [codec.HELLO, codec.ACK, codec.BYE, 4, 14, 15, 18, 255])
def test_a_kind_that_nobody_registered_is_not_taken_for_another(own_codec, kind):
    with pytest.raises(KeyError):
        own_codec.message(kind, memoryview(msgspec.msgpack.encode(Loose("x"))))


def test_a_body_that_is_no_message_raises(own_codec):
    with pytest.raises(msgspec.DecodeError):
        own_codec.message(codec.FIRST_STRUCT, memoryview(b"\xc1"))
    with pytest.raises(pickle.UnpicklingError):
        own_codec.message(codec.PICKLE, memoryview(b"no pickle"))


def test_an_acknowledgement_carries_its_count():
    [(kind, body)] = codec.FrameReader().feed(codec.ack(1 << 40))
    assert (kind, codec.acknowledged(body)) == (codec.ACK, 1 << 40)


def test_the_greeting_is_the_senders_path_and_goodbye_is_empty():
    frames = read(codec.FrameReader(), codec.hello("/tmp/ä") + codec.BYE_FRAME)
    assert frames == [(codec.HELLO, "/tmp/ä".encode()), (codec.BYE, b"")]


def test_the_header_is_five_bytes_on_every_machine():
    assert codec.HEADER.format == "<IB"
    assert struct.calcsize("<IB") == 5
