import gzip
import io
import json
import zipfile

import numpy as np
import polars as pl
import pytest

from openoutcry.backtesting.history import load_candles, load_funding
from openoutcry.backtesting.history.candles import interval_text, parse_interval
from openoutcry.backtesting.history.datasets import load_any
from openoutcry.backtesting.history.source import ImportOptions
from openoutcry.domain.errors import InvalidInputError, MissingDataError

HEADER = "time,open,high,low,close,volume"
ROWS = [
    "1700000040,100.10,101.00,99.5,100.50,1.5",
    "1700000100,100.50,102.25,100.5,102.00,0.25",
    "1700000160,102.00,102.00,101.0,101.75,3",
]
NAME = "binance-spot_BTCUSDT_1m.csv"


def csv(tmp_path, rows, header=HEADER, name=NAME):
    path = tmp_path / name
    path.write_text("\n".join(filter(None, [header, *rows])) + "\n")
    return path


def test_decimal_text_becomes_exact_ticks_and_lots(tmp_path):
    series, record = load_candles(csv(tmp_path, ROWS))
    assert (series.instrument.price_tick, series.instrument.size_step) == ("0.01", "0.01")
    assert (series.instrument.symbol, series.instrument.venue) == ("BTC/USDT", "binance-spot")
    assert series.close_ticks.tolist() == [10_050, 10_200, 10_175]
    assert series.low_ticks.tolist() == [9_950, 10_050, 10_100]
    assert series.volume_lots.tolist() == [150, 25, 300]
    assert series.close_ns.tolist() == [1_700_000_100 * 10**9, 1_700_000_160 * 10**9, 1_700_000_220 * 10**9]
    assert (record.rows, record.kind, record.first_ns) == (3, "candles", 1_700_000_040 * 10**9)
    assert [finding.kind for finding in record.findings] == ["survivorship"]


@pytest.mark.parametrize(
    "times",
    [
        ["1700000040000", "1700000100000", "1700000160000"],
        ["1700000040000000", "1700000100000000", "1700000160000000"],
        ["1700000040000000000", "1700000100000000000", "1700000160000000000"],
        ["2023-11-14 22:14:00", "2023-11-14 22:15:00", "2023-11-14 22:16:00"],
        ["2023-11-14T22:14:00Z", "2023-11-14T22:15:00Z", "2023-11-14T22:16:00Z"],
        ["2023-11-14T22:14:00.000+00:00", "2023-11-14T22:15:00.000+00:00", "2023-11-14T22:16:00.000+00:00"],
    ],
)
def test_times_of_any_unit_are_the_same_moments(tmp_path, times):
    rows = [f"{time},{row.partition(',')[2]}" for time, row in zip(times, ROWS, strict=True)]
    series, record = load_candles(csv(tmp_path, rows))
    expected, same = load_candles(csv(tmp_path, ROWS, name="binance-spot_BTCUSDT_1m.other.csv"))
    assert series.open_ns.tolist() == expected.open_ns.tolist()
    assert record.sha256 == same.sha256


def test_a_kline_dump_in_a_zip_needs_no_header(tmp_path):
    rows = [
        f"{row.replace(',', '000,', 1)},1700000099999,150.5,7,0.5,50.1,0" for row in ROWS
    ]  # ms, and the other columns
    path = tmp_path / "BTCUSDT-1m-2023-11.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-1m-2023-11.csv", "\n".join(rows))
    series, record = load_candles(path, venue="binance-spot")
    assert record.sha256 == load_candles(csv(tmp_path, ROWS))[1].sha256
    assert series.interval_ns == 60 * 10**9


def test_what_ccxt_gave_is_read_exactly(tmp_path):
    path = tmp_path / "binance-spot_BTCUSDT_1m.json"
    path.write_text(
        json.dumps(
            [
                [int(cell) * 1000 if not i else float(cell) for i, cell in enumerate(row.split(","))]
                for row in ROWS
            ]
        )
    )
    dataset = load_any(path)
    assert dataset.record.sha256 == load_candles(csv(tmp_path, ROWS))[1].sha256


def test_floats_in_parquet_are_the_numbers_they_print(tmp_path):
    table = [[float(cell) for cell in row.split(",")] for row in ROWS]
    frame = pl.DataFrame(table, schema=HEADER.split(","), orient="row")
    path = tmp_path / "binance-spot_BTCUSDT_1m.parquet"
    frame.write_parquet(path)
    assert load_candles(path)[1].sha256 == load_candles(csv(tmp_path, ROWS))[1].sha256


def test_a_volume_too_fine_for_exact_amounts_is_rounded_down_and_told(tmp_path):
    rows = [row.replace("1.5", "1.50000009", 1) if row is ROWS[0] else row for row in ROWS]
    series, record = load_candles(csv(tmp_path, [rows[0].replace("100.50", "100.505"), *rows[1:]]))
    assert (series.instrument.price_tick, series.instrument.size_step) == ("0.001", "0.00001")
    assert "volume_rounded" in {finding.kind for finding in record.findings}


FAULTS = {
    "empty": ([], "", "empty"),
    "only_a_header": ([], HEADER, "no rows"),
    "missing_column": (["1700000040,1,2,1,2"], "time,open,high,low,close", "column 'volume' is missing"),
    "no_number": ([ROWS[0], "1700000100,x,102,100,102,1"], HEADER, "row 1: open 'x' is not a number"),
    "no_time": ([ROWS[0], "yesterday,100,102,100,102,1"], HEADER, "row 1: time 'yesterday'"),
    "nan": ([ROWS[0], "1700000100,nan,102,100,102,1"], HEADER, "row 1: open 'nan'"),
    "cut_off": ([ROWS[0], "1700000100,100.50,10"], HEADER, "row 1 has 3 cells"),
    "backward_time": ([ROWS[1], ROWS[0], ROWS[2]], HEADER, "row 1: time goes back by 60 s"),
    "contradictory": ([ROWS[0], ROWS[0].replace("1.5", "2")], HEADER, "row 1: a second, different candle"),
    "ohlc": ([ROWS[0], "1700000100,100,99,98,100,1"], HEADER, "row 1: open, high, low, close"),
    "negative": ([ROWS[0], "1700000100,100,101,98,100,-1"], HEADER, "row 1: a price of 0 or less"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_data_is_refused_with_its_file_and_row(tmp_path, fault):
    rows, header, says = FAULTS[fault]
    path = csv(tmp_path, rows, header)
    if fault == "empty":
        path.write_text("")
    with pytest.raises(InvalidInputError) as raised:
        load_candles(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)
    assert ";" in str(raised.value)  # a remedy


def test_a_candle_that_came_twice_is_dropped_and_told(tmp_path):
    series, record = load_candles(csv(tmp_path, [ROWS[0], ROWS[0], *ROWS[1:]]))
    assert len(series) == record.rows == 3
    [told] = [finding for finding in record.findings if finding.kind == "duplicate"]
    assert (told.severity, told.count, told.row) == ("warning", 1, 1)
    assert record.sha256 == load_candles(csv(tmp_path, ROWS))[1].sha256


@pytest.mark.parametrize("pack", ["parquet", "gzip", "zip"])
def test_a_file_that_was_cut_off_is_refused(tmp_path, pack):
    text = "\n".join(
        [HEADER, *(f"{1_700_000_040 + 60 * i},{i % 97 + 1},200,0.5,{i % 89 + 1},{i}" for i in range(999))]
    )
    if pack == "parquet":
        buffer = io.BytesIO()
        pl.read_csv(text.encode()).write_parquet(buffer)
        content, name = buffer.getvalue(), "BTCUSDT_1m.parquet"
    elif pack == "gzip":
        content, name = gzip.compress(text.encode()), "BTCUSDT_1m.csv.gz"
    else:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("BTCUSDT_1m.csv", text)
        content, name = buffer.getvalue(), "BTCUSDT_1m.zip"
    path = tmp_path / name
    path.write_bytes(content)
    assert len(load_candles(path)[0]) == 999
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InvalidInputError, match="damaged or cut off") as raised:
        load_candles(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("README.md", b"# openoutcry\n\ntrades, a lot\n", r"is no table: its first line is '# openoutcry'"),
        ("noise.csv", bytes(range(250)) * 4, "is no table"),
        ("noise.bin", b"\x8f,\x03\n1,2\n", "is no table"),
        ("noise.parquet", b"\x8f,\x03\n1,2\n", "is no Parquet: it begins with"),
        ("odd.csv", b'open_time,open\n1,"a"b\n', r"row 0: no CSV \([^\n]+\); fetch it again"),
    ],
)
def test_what_is_no_table_is_told_as_such(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=words):
        load_candles(path, symbol="BTCUSDT")


def test_what_the_file_does_not_say_must_be_given(tmp_path):
    path = csv(tmp_path, ROWS, name="prices.csv")
    with pytest.raises(InvalidInputError, match="give --symbol"):
        load_candles(path)
    series, _ = load_candles(path, symbol="ETH-USD", venue="coinbase")
    assert series.instrument.symbol == "ETH/USD"
    with pytest.raises(MissingDataError):
        load_candles(tmp_path / "absent.csv")


def test_absurd_funding_rates_and_none_at_all_are_refused_with_row_and_remedy(tmp_path):
    rates = ("0.0001", "-0.05", "0.0500001")
    rows = [f"{1_700_000_000 + 28_800 * row},{rate}" for row, rate in enumerate(rates)]
    funding = load_funding(csv(tmp_path, rows[:2], "ts,funding_rate"))
    assert funding.rates.tolist() == [0.0001, -0.05]
    with pytest.raises(
        InvalidInputError, match=r"row 2: a rate of 0\.0500001 .*rates are fractions: 0\.0001 is 0\.01 %"
    ):
        load_funding(csv(tmp_path, rows, "ts,funding_rate"))
    with pytest.raises(InvalidInputError, match="has a header and no rows; fetch it again"):
        load_funding(csv(tmp_path, [], "ts,funding_rate"))
    empty = tmp_path / "empty.parquet"
    pl.DataFrame({"ts": [], "funding_rate": []}, {"ts": pl.Int64, "funding_rate": pl.Float64}).write_parquet(
        empty
    )
    with pytest.raises(InvalidInputError, match="holds no funding rate"):
        load_funding(empty)


def test_intervals_are_written_as_read():
    for text in ("1s", "5m", "4h", "1d", "1w", "1500000ns"):
        assert interval_text(parse_interval(text)) == text
    with pytest.raises(InvalidInputError, match="write it as"):
        parse_interval("5 minutes")


@pytest.mark.data
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_the_halt_of_binance_spot_is_the_one_gap(shared_data, symbol):
    series, record = load_candles(
        shared_data / "candles" / f"binance-spot_{symbol}_5m_20220801_20230927.parquet"
    )
    [gap] = [finding for finding in record.findings if finding.kind == "gap"]
    assert (gap.count, gap.severity) == (1, "warning")
    assert "16 from 2023-03-24 12:40:00 to 2023-03-24 14:00:00" in gap.detail
    before, after = series.close_ns[gap.row - 1], series.open_ns[gap.row]
    assert (after - before) // series.interval_ns == 16


@pytest.mark.data
def test_the_perpetual_has_no_gap_then_and_its_funding_loads(shared_data):
    series, record = load_candles(shared_data / "candles" / "binance-um_BTCUSDT_5m_20230101_20240514.parquet")
    assert len(series) == 143_900
    assert {finding.kind for finding in record.findings} == {"zero_volume", "survivorship"}
    assert series.instrument.kind == "linear"
    funding = load_funding(shared_data / "candles" / "binance-um_BTCUSDT_funding8h_20230101_20240514.parquet")
    assert len(funding) == 1_498
    assert np.all(np.abs(funding.rates) < 0.01)


@pytest.mark.data
def test_every_recorded_set_of_candles_is_fit(shared_data):
    for path in sorted((shared_data / "candles").glob("*[0-9]m_*.parquet")):
        series, _ = load_candles(path)
        assert len(series) > 40_000
        assert load_any(path, options=ImportOptions()).record.rows == len(series)
