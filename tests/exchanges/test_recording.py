import gzip

import pytest
import zstandard

from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.exchanges.recording import file_lines, find_recordings, split_frame, split_line

SPOT = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1000,"s":"BTCUSDT","U":1,"u":2,"b":[]}}'
)
USDM = (
    b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"pu":9,"b":[]}}'
)
COINM = (
    b'{"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSD_PERP","ps":"BTCUSD",'
    b'"U":1,"u":2,"pu":9,"b":[],"a":[]}}'
)
TICKER = b'{"stream":"btcusdt@bookTicker","data":{"u":3,"s":"BTCUSDT","b":"1.0","B":"1","a":"2.0","A":"1"}}'


def text(first_ns, *frames):
    return b"".join(b"%d %b\n" % (first_ns + index, frame) for index, frame in enumerate(frames))


@pytest.mark.parametrize(
    "packed",
    [
        bytes,
        gzip.compress,
        zstandard.compress,
        lambda data: zstandard.compress(data[:70]) + zstandard.compress(data[70:]),
    ],
    ids=["plain", "gzip", "zstd", "two zstd frames"],
)
def test_every_compression_gives_the_same_lines(tmp_path, packed):
    data = text(5, TICKER, SPOT)
    (tmp_path / "any.raw").write_bytes(packed(data))
    assert list(file_lines(tmp_path / "any.raw")) == data.splitlines()


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_cut_off_file_is_an_error_after_its_last_whole_line(tmp_path, packed):
    path = tmp_path / "cut.raw.zst"
    path.write_bytes(packed(text(5, *[TICKER] * 1000))[:-5])
    with pytest.raises(InvalidInputError, match=r"cut\.raw\.zst is damaged or cut off"):
        list(file_lines(path))


def test_a_zstd_window_beyond_the_limit_is_refused(tmp_path):
    path = tmp_path / "huge.raw.zst"
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    streaming = zstandard.ZstdCompressor(
        compression_params=parameters
    ).compressobj()  # it does not know its size
    path.write_bytes(streaming.compress(text(5, SPOT)) + streaming.flush())
    with pytest.raises(InvalidInputError, match="damaged"):
        list(file_lines(path))


def test_files_of_a_stream_are_joined_in_time_and_streams_are_told_apart(tmp_path):
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    (folder / "b_first.raw").write_bytes(text(100, TICKER, SPOT))
    (folder / "a_second.raw.zst").write_bytes(zstandard.compress(text(200, SPOT)))
    (folder / "c.raw.gz").write_bytes(gzip.compress(text(100, USDM)))
    (folder / "d.raw").write_bytes(text(100, COINM))
    (folder / "notes.txt").write_text("not a recording")
    found = find_recordings(tmp_path)
    assert [(each.product, each.symbol) for each in found] == [
        ("coinm", "BTCUSD_PERP"),
        ("spot", "BTCUSDT"),
        ("usdm", "BTCUSDT"),
    ]
    spot = found[1]
    assert [file.name for file in spot.files] == ["b_first.raw", "a_second.raw.zst"]
    assert [line.split()[0] for line in spot.lines()] == [b"100", b"101", b"200"]
    assert [(file.name, number) for file, number, _ in spot.numbered_lines()][1:] == [
        ("b_first.raw", 2),
        ("a_second.raw.zst", 1),
    ]


def test_the_hash_does_not_depend_on_the_compression(tmp_path):
    data = text(5, SPOT, TICKER)
    (tmp_path / "a.raw").write_bytes(data)
    (tmp_path / "b.raw").write_bytes(zstandard.compress(data))
    [one], [other] = find_recordings(tmp_path / "a.raw"), find_recordings(tmp_path / "b.raw")
    assert one.sha256() == other.sha256()


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("absent.raw", None, MissingDataError, "there is no"),
        (
            "noise.raw",
            b"\x00\x01 noise\n",
            InvalidInputError,
            r"noise\.raw is no recording .* line 1 is not a recorded",
        ),
        ("tickers.raw", text(1, TICKER), InvalidInputError, "no depth frame"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_name(tmp_path, name, content, error, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=says):
        find_recordings(tmp_path / name)


def test_an_empty_folder_is_missing_data(tmp_path):
    with pytest.raises(MissingDataError, match="holds no recording"):
        find_recordings(tmp_path)


def test_the_same_day_twice_is_refused(tmp_path):
    (tmp_path / "a.raw").write_bytes(text(5, SPOT))
    (tmp_path / "b.raw").write_bytes(text(5, SPOT))
    with pytest.raises(InvalidInputError, match="begin at the same moment"):
        find_recordings(tmp_path)


@pytest.mark.parametrize("line", [b"", b"{}", b"12{}", b"x1 {}", b'123 {"a":', b"123 [1]"])
def test_a_line_that_is_none_is_refused(line):
    with pytest.raises(InvalidInputError, match="not a recorded line"):
        split_line(line)


def test_frames_are_told_apart_and_keep_their_bytes():
    assert split_line(b"77 " + SPOT) == (77, SPOT)
    assert split_frame(SPOT).kind == "depth"
    assert split_frame(TICKER).stream == "btcusdt@bookTicker"
    assert split_frame(TICKER).payload in TICKER
    raw = split_frame(TICKER).payload
    assert split_frame(raw) == ("book_ticker", "", raw)
    assert split_frame(b'{"e":"trade","t":1}').kind == "trade"
    assert split_frame(b'{"e":"kline"}').kind == "unknown"
    assert split_frame(b'{"lastUpdateId":1,"bids":[],"asks":[]}').kind == "snapshot"
    with pytest.raises(InvalidInputError, match="not a venue's frame"):
        split_frame(SPOT[:40])
