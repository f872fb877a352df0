import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.backtesting.history import day_files
from openoutcry.backtesting.history.content_hash import DAY_NS, ContentHash
from openoutcry.backtesting.history.datasets import CandlesDataset, EventsDataset, load_any
from openoutcry.backtesting.history.instruments import make_instrument
from openoutcry.backtesting.history.repository import HistoryRepository
from openoutcry.backtesting.history.source import EVENT_COLUMNS, TRADE, Source
from openoutcry.domain.errors import InvalidInputError, MissingDataError

FIRST_NS = 19_675 * DAY_NS
INSTRUMENT = make_instrument("binance-um", "BTCUSDT", price_tick="0.1", size_step="0.001")


def trades(count, *, first_ns=FIRST_NS, step_ns=DAY_NS // 10, latency_ns=5_000_000, price=600_000):
    """Trades that go on for days."""
    rows = np.zeros((count, 6), np.int64)
    rows[:, 0] = first_ns + step_ns * np.arange(count)
    rows[:, 1] = rows[:, 0] + latency_ns
    rows[:, 2] = TRADE | (np.arange(count) % 2) << 8
    rows[:, 3] = price + np.arange(count) % 50
    rows[:, 4] = 1 + np.arange(count) % 7
    rows[:, 5] = 1 + np.arange(count)
    return rows


def source(tmp_path, rows, *, chunk=7, kind="trades", instrument=INSTRUMENT):
    def read(notes):
        for start in range(0, len(rows), chunk):
            yield rows[start : start + chunk]

    return Source(instrument=instrument, kind=kind, name="made", path=tmp_path / "made", read=read)


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(st.integers(0, DAY_NS), min_size=1, max_size=40),
    values=st.randoms(use_true_random=False),
    chunk=st.integers(1, 50),
)
def test_what_is_stored_comes_back_exactly(tmp_path_factory, steps, values, chunk):
    root = tmp_path_factory.mktemp("catalogue")
    rows = trades(len(steps), price=10)
    rows[:, 0] = FIRST_NS + np.cumsum(steps)
    rows[:, 1] = rows[:, 0] + [values.randint(0, 10**9) for _ in steps]
    rows[:, 3:5] = [[values.randint(1, 2**55), values.randint(1, 2**55)] for _ in steps]
    rows[:, 1] = np.maximum.accumulate(rows[:, 1])
    repository = HistoryRepository(root)
    manifest = repository.add(source(root, rows, chunk=chunk))
    back = np.vstack(list(repository.stream("binance-um", "BTCUSDT", "trades")))
    assert back.flags.c_contiguous
    assert np.array_equal(back, rows)
    assert manifest.rows == len(rows)
    assert repository.verify(manifest) == manifest.findings


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_the_hash_does_not_depend_on_chunks(cuts):
    rows = trades(60)
    whole = ContentHash(EVENT_COLUMNS)
    whole.update(rows)
    parts = ContentHash(EVENT_COLUMNS)
    for start, stop in itertools.pairwise([0, *sorted(cuts), 60]):
        parts.update(np.asfortranarray(rows[start:stop]))
    assert parts.hexdigest() == whole.hexdigest()
    assert len(whole.days) == 6


def test_the_hash_is_the_one_that_is_written_down():
    rows = trades(2)
    day = hashlib.sha256(",".join(EVENT_COLUMNS).encode() + rows.astype("<i8").tobytes()).hexdigest()
    content = ContentHash(EVENT_COLUMNS)
    content.update(rows)
    assert content.hexdigest() == hashlib.sha256(f"19675:{day}\n".encode()).hexdigest()


def test_a_large_day_has_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr(day_files, "ROWS_PER_FILE", 16)
    rows = trades(100, step_ns=1_000_000)
    repository = HistoryRepository(tmp_path)
    manifest = repository.add(source(tmp_path, rows, chunk=8))
    [day] = manifest.days
    assert len(day.files) == 7
    assert day.files[:2] == ("day=2023-11-14.parquet", "day=2023-11-14.1.parquet")
    assert np.array_equal(np.vstack(list(repository.stream_of(manifest))), rows)
    once = HistoryRepository(tmp_path / "other").add(source(tmp_path, rows, chunk=100))
    assert once.sha256 == manifest.sha256


def test_a_span_is_cut_to_the_row(tmp_path):
    rows = trades(100)
    repository = HistoryRepository(tmp_path)
    repository.add(source(tmp_path, rows))
    part = repository.stream("binance-um", "BTC/USDT:USDT", "trades", int(rows[33, 0]), int(rows[71, 0]))
    assert np.array_equal(np.vstack(list(part)), rows[33:71])


def test_days_are_added_and_a_day_of_other_content_is_refused(tmp_path):
    rows = trades(30)
    repository = HistoryRepository(tmp_path)
    whole = HistoryRepository(tmp_path / "whole").add(source(tmp_path, rows))
    repository.add(source(tmp_path, rows[20:]))
    repository.add(source(tmp_path, rows[:10]))
    assert repository.add(source(tmp_path, rows[10:20])).sha256 == whole.sha256
    assert repository.add(source(tmp_path, rows)).sha256 == whole.sha256
    assert np.array_equal(np.vstack(list(repository.stream("binance-um", "BTCUSDT", "trades"))), rows)
    other = rows[10:20].copy()
    other[3, 4] += 1
    with pytest.raises(InvalidInputError, match=r"another 2023-11-15 already.*--replace"):
        repository.add(source(tmp_path, other))
    assert repository.find("binance-um:BTCUSDT:trades").sha256 == whole.sha256
    replaced = repository.add(source(tmp_path, other), replace=True)
    assert replaced.sha256 != whole.sha256
    assert np.array_equal(np.vstack(list(repository.stream_of(replaced)))[10:20], other)
    assert not list(tmp_path.glob("*/*/.*"))  # nothing is left of the making


def test_another_grid_is_refused(tmp_path):
    repository = HistoryRepository(tmp_path)
    repository.add(source(tmp_path, trades(3)))
    finer = make_instrument("binance-um", "BTCUSDT", price_tick="0.01", size_step="0.001")
    with pytest.raises(InvalidInputError, match="another grid"):
        repository.add(source(tmp_path, trades(3, first_ns=FIRST_NS + 9 * DAY_NS), instrument=finer))


def test_unfit_rows_are_not_stored(tmp_path):
    rows = trades(30)
    rows[12, 0] -= DAY_NS // 5
    repository = HistoryRepository(tmp_path / "history")
    with pytest.raises(InvalidInputError, match="row 12: time goes back by 8640 s; sort"):
        repository.add(source(tmp_path, rows))
    assert repository.list() == []


def test_receive_times_before_their_events_are_moved_when_read(tmp_path):
    rows = trades(30, step_ns=10**9, latency_ns=-1_270_000_000)
    rows[5, 1] -= 1_000_000
    repository = HistoryRepository(tmp_path)
    manifest = repository.add(source(tmp_path, rows))
    back = np.vstack(list(repository.stream_of(manifest)))
    assert (back[:, 1] - back[:, 0]).min() == 1_000_000
    assert np.array_equal(back[:, 0], rows[:, 0])
    [told] = [finding for finding in manifest.findings if finding.kind == "clock_skew"]
    assert "moved by 1,272.0 ms" in told.detail


def test_a_file_that_was_changed_or_cut_off_is_found(tmp_path):
    repository = HistoryRepository(tmp_path)
    manifest = repository.add(source(tmp_path, trades(30)))
    folder = repository.folder_of(manifest)
    first, second = (folder / manifest.days[index].files[0] for index in (0, 1))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    assert (
        "other rows" in repository.verify(manifest)[0].detail
        or "back in time" in repository.verify(manifest)[0].detail
    )
    first.write_bytes(kept[: len(kept) // 2])
    told = repository.verify(manifest)[0]
    assert (told.severity, told.kind) == ("error", "changed")
    assert str(first) in told.detail
    with pytest.raises(InvalidInputError, match="damaged, cut off or gone"):
        list(repository.stream_of(manifest))
    first.unlink()
    assert repository.verify(manifest)[0].kind == "changed"


def test_candles_are_loaded_by_reference(tmp_path, series_of):
    series = series_of([10_000 + i % 7 for i in range(3_000)])
    rows = series.rows()
    repository = HistoryRepository(tmp_path)
    repository.add(source(tmp_path, rows, kind="candles-1m", instrument=series.instrument))
    dataset = load_any("binance-spot:BTC/USDT:candles-1m", catalogue=tmp_path)
    assert isinstance(dataset, CandlesDataset)
    assert np.array_equal(dataset.series.rows(), rows)
    assert dataset.record.sha256 == repository.list()[0].sha256
    with pytest.raises(MissingDataError, match="but binance-spot:BTCUSDT:candles-1m"):
        load_any("binance-spot:ETHUSDT:candles-1m", catalogue=tmp_path)


def test_events_are_streamed_again_and_again(tmp_path):
    rows = trades(40)
    HistoryRepository(tmp_path).add(source(tmp_path, rows))
    dataset = load_any("binance-um:BTCUSDT:trades", catalogue=tmp_path)
    assert isinstance(dataset, EventsDataset)
    for _ in range(2):
        assert np.array_equal(np.vstack(list(dataset.rows())), rows)


def test_a_manifest_that_is_damaged_says_what_to_do(tmp_path):
    repository = HistoryRepository(tmp_path)
    folder = repository.folder_of(repository.add(source(tmp_path, trades(3))))
    (folder / "manifest.json").write_text("{")
    with pytest.raises(InvalidInputError, match=r"remove .* and import it anew"):
        repository.list()
