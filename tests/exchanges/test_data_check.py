import gzip
import http.server
import threading
from functools import partial

import pytest
import zstandard

from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.exchanges import data_check
from openoutcry.exchanges.data_check import check_data, fetch_data
from openoutcry.exchanges.market_source import SyntheticSource, spot_instrument
from openoutcry.exchanges.recording import find_recordings

START_MS = 1_700_000_000_000


def depth(first, last, bids="", asks="", extra=""):
    return (
        f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{START_MS},"s":"BTCUSDT",'
        f'"U":{first},"u":{last}{extra},"b":[{bids}],"a":[{asks}]}}}}'
    )


def trade(trade_id, price="100.00", quantity="1.00000"):
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{START_MS},"s":"BTCUSDT","t":{trade_id},"p":"{price}",'
        f'"q":"{quantity}","T":{START_MS},"m":true,"M":true}}}}'
    )


SNAPSHOT = '{"lastUpdateId":2,"bids":[["100.00","1.00000"]],"asks":[["101.00","1.00000"]]}'
HEAD = [depth(1, 2), SNAPSHOT, depth(3, 3), trade(1)]


def check(tmp_path, *frames, steps_ns=None):
    received_ns = START_MS * 10**6
    lines = []
    for index, frame in enumerate([*HEAD, *frames]):
        received_ns += (steps_ns or {}).get(index - len(HEAD), 1000)
        lines.append(f"{received_ns} {frame}\n")
    (tmp_path / "one.raw").write_text("".join(lines))
    [report] = check_data(tmp_path)
    return report, {finding.kind: finding for finding in report.findings}


def test_a_sound_recording_has_no_findings(tmp_path):
    report, findings = check(tmp_path, depth(4, 6), trade(2))
    assert findings == {}
    assert report.is_usable
    assert report.is_book_checked
    assert report.frames == {"depth": 3, "snapshot": 1, "trade": 2}
    assert (report.lines, report.clock_skew_ms) == (6, (0, 0, 0))


@pytest.mark.parametrize(
    ("frame", "kind", "severity", "says"),
    [
        (depth(9, 9), "gap", "error", "begins at update 9, 4 was due"),
        (depth(4, 4, extra=',"pu":2'), "gap", "error", "follows update 2, 3 was the last"),
        (depth(2, 3), "duplicate", "warning", "up to update 3 came again"),
        (trade(1), "duplicate", "warning", "trade 1 came after 1"),
        (trade(5), "gap", "error", "trades 2 to 4 are missing"),
        (trade(2, price="111.00"), "jump", "warning", "at 111.00 after 100.00"),
        (trade(2, quantity="0.00000"), "zero_volume", "error", "trade 2 of size 0"),
        (depth(4, 4, bids='["102.00","1.00000"]'), "crossed", "error", "book is crossed"),
        (
            '{"stream":"btcusdt@bookTicker","data":{"u":9,"s":"BTCUSDT","b":"5.0","B":"1","a":"4.0","A":"1"}}',
            "crossed",
            "error",
            "bid 5.0 and ask 4.0",
        ),
        (depth(4, 4)[:70], "malformed", "error", "cut off"),
        (trade(2, price="NaN"), "malformed", "error", ""),
        (trade(2, quantity="-1.00000"), "malformed", "error", ""),
    ],
)
def test_a_flaw_is_named_with_its_file_and_line(tmp_path, frame, kind, severity, says):
    report, findings = check(tmp_path, frame)
    finding = findings[kind]
    assert (finding.severity, finding.count) == (severity, 1)
    assert finding.examples[0].startswith(f"{tmp_path / 'one.raw'}:5: ")
    assert says in finding.examples[0]
    assert report.is_usable == (severity == "warning")


@pytest.mark.parametrize(
    ("step_ns", "kind", "says"),
    [(-5000, "backward_time", "5000 ns before"), (6 * 10**9, "silence", "for 6.0 s")],
)
def test_odd_times_are_found(tmp_path, step_ns, kind, says):
    _, findings = check(tmp_path, depth(4, 4), steps_ns={0: step_ns})
    assert says in findings[kind].examples[0]


def test_a_skewed_clock_is_a_warning(tmp_path):
    report, findings = check(tmp_path, steps_ns={-len(HEAD): -1270 * 10**6})
    assert report.clock_skew_ms[1] == -1270
    assert "1270 ms behind" in findings["clock_skew"].examples[0]
    assert report.is_usable


def test_examples_are_bounded_and_counts_are_not(tmp_path):
    _, findings = check(tmp_path, *[trade(1)] * 50)
    assert findings["duplicate"].count == 50
    assert len(findings["duplicate"].examples) == data_check.MAX_EXAMPLES


def test_a_file_that_breaks_off_is_reported_with_all_that_could_be_read(tmp_path):
    lines = "".join(f"{START_MS * 10**6 + number} {trade(number)}\n" for number in range(1, 20_000))
    packed = zstandard.compress((f"{START_MS * 10**6} {depth(1, 2)}\n" + lines).encode())
    (tmp_path / "cut.raw.zst").write_bytes(packed[: len(packed) // 2])
    [report] = check_data(tmp_path)
    [finding] = report.findings
    assert finding.kind == "malformed"
    assert f"cut.raw.zst:{report.lines + 1}: " in finding.examples[0]
    assert "cut off" in finding.examples[0]


def test_the_synthetic_market_is_sound(tmp_path):
    source = SyntheticSource(spot_instrument("BTC/USDT"), seed=1, seconds=30)
    (tmp_path / "synthetic.raw").write_bytes(
        b"".join(line + b"\n" for batch in source.batches() for line in batch)
    )
    [report] = check_data(tmp_path)
    assert report.findings == ()
    assert report.sha256 == source.sha256


@pytest.mark.data
def test_the_recordings_are_sound(shared_data):
    reports = [
        data_check.check_recording(each) for each in find_recordings(shared_data) if each.product == "spot"
    ]
    assert [report.symbol for report in reports] == ["BTCUSDT", "ETHUSDT"]
    for report in reports:
        assert report.is_usable
        assert {finding.kind for finding in report.findings} == {"clock_skew"}


class Files(http.server.BaseHTTPRequestHandler):
    def __init__(self, files, *arguments):
        self.files = files
        super().__init__(*arguments)

    def do_GET(self):
        body = self.files.get(self.path.partition("?")[0])
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def web():
    files = {}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, files)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield files, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_recording_is_fetched_checked_and_then_found_in_the_cache(tmp_path, web):
    files, url = web
    content = f"1 {depth(1, 2)}\n".encode()
    files["/x/btcusdt_20240808.gz"] = gzip.compress(content)
    (tmp_path / "same.raw").write_bytes(content)
    sha256 = find_recordings(tmp_path / "same.raw")[0].sha256()
    cache = tmp_path / "cache" / "data"
    path = fetch_data(f"{url}/x/btcusdt_20240808.gz?raw=1", sha256=sha256, folder=cache)
    assert path == cache / "btcusdt_20240808.gz"
    assert find_recordings(cache)[0].files == (path,)
    files.clear()
    assert fetch_data(f"{url}/x/btcusdt_20240808.gz", sha256=sha256, folder=cache) == path


@pytest.mark.parametrize(
    ("served", "refusal"),
    [
        (gzip.compress(b"something else\n"), (InvalidInputError, "expected 00")),
        (gzip.compress(b"something else\n" * 1000)[:20], (InvalidInputError, "cut off")),
        (b"x" * 200, (InvalidInputError, "longer than 100 bytes")),
        (None, (MissingDataError, "cannot be fetched .*404.*synthetic")),
    ],
)
def test_what_was_not_asked_for_is_not_kept(tmp_path, web, monkeypatch, served, refusal):
    error, says = refusal
    monkeypatch.setattr(data_check, "MAX_DOWNLOAD_BYTES", 100)
    files, url = web
    if served is not None:
        files["/a.gz"] = served
    with pytest.raises(error, match=says):
        fetch_data(f"{url}/a.gz", sha256="00", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_said_plainly(tmp_path):
    with pytest.raises(MissingDataError, match="cannot be fetched"):
        fetch_data("http://127.0.0.1:1/a.gz", folder=tmp_path)
