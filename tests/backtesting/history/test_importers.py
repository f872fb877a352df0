import gzip

import numpy as np
import pytest

from openoutcry.backtesting.history.datasets import EventsDataset, load_any
from openoutcry.backtesting.history.source import (
    CLEAR,
    CODE_MASK,
    LEVEL,
    SIDE_SHIFT,
    SNAPSHOT,
    TOUCH,
    TRADE,
    ImportOptions,
)
from openoutcry.domain.errors import InvalidInputError
from openoutcry.exchanges.market_source import SyntheticSource, spot_instrument
from openoutcry.exchanges.recording import file_lines
from openoutcry.native import L2Book, MarketFeed, Simulator

SELL = 1 << SIDE_SHIFT
MINUTE_NS = 60_000_000_000


def rows_of(dataset):
    assert isinstance(dataset, EventsDataset)
    return np.vstack(list(dataset.rows()))


def kinds(dataset):
    return {finding.kind: finding for finding in dataset.record.findings}


def book_after(rows):
    """The book that level rows leave, applied one by one."""
    book = L2Book(window_ticks=32_768)
    levels = {0: {}, 1: {}}
    for kind, price, size in rows[:, 2:5].tolist():
        side, code = kind >> SIDE_SHIFT, kind & CODE_MASK
        if code == CLEAR:
            levels[side].clear()
        elif code in (LEVEL, SNAPSHOT):
            levels[side][price] = size
            if not size:
                del levels[side][price]
    for side, prices in levels.items():
        for price, size in prices.items():
            book.set(side, price, size)
    return book


def test_a_recording_becomes_the_book_that_the_feed_builds(tmp_path):
    market = SyntheticSource(spot_instrument("BTC/USDT"), seed=3, seconds=60)
    lines = [line for batch in market.batches() for line in batch]
    path = tmp_path / "one.raw.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    rows = rows_of(load_any(path))
    feed = MarketFeed(
        symbol="BTCUSDT",
        price_tick="0.01",
        size_step="0.00001",
        candle_interval_ns=MINUTE_NS,
    )
    feed.apply_lines(b"\n".join(lines))
    assert book_after(rows).levels(10_000) == feed.levels(10_000)
    codes = rows[:, 2] & CODE_MASK
    assert np.count_nonzero(codes == TRADE) == feed.counts["trade"]
    assert np.all(np.diff(rows[:, :2], axis=0) >= 0)
    touches = rows[codes == TOUCH]
    assert len(touches) >= 2 * feed.counts["book_ticker"] * 0.9
    from_ns, to_ns = int(rows[-900, 0]), int(rows[-300, 0])
    first, last = np.searchsorted(rows[:, 0], [from_ns, to_ns])
    assert first < last
    assert np.array_equal(np.vstack(list(load_any(path).stream(from_ns, to_ns))), rows[first:last])


def test_a_recording_without_its_snapshot_is_refused(tmp_path):
    market = SyntheticSource(spot_instrument("BTC/USDT"), seed=3, seconds=5)
    lines = [line for batch in market.batches() for line in batch if b"lastUpdateId" not in line]
    path = tmp_path / "one.raw"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(InvalidInputError, match=r"no snapshot came for .* give the whole folder"):
        load_any(path)


def test_a_recording_that_was_cut_off_is_refused(tmp_path):
    market = SyntheticSource(spot_instrument("BTC/USDT"), seed=3, seconds=5)
    content = gzip.compress(b"\n".join(line for batch in market.batches() for line in batch))
    path = tmp_path / "one.raw.gz"
    path.write_bytes(content[:-400])
    with pytest.raises(InvalidInputError, match="damaged or cut off"):
        load_any(path)


BOOK = """exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount
binance-futures,BTCUSDT,1700000000000000,1700000000005000,true,bid,37000.1,2.5
binance-futures,BTCUSDT,1700000000000000,1700000000005000,true,ask,37000.2,1
binance-futures,BTCUSDT,1700000001000000,1700000001004000,false,bid,37000.1,0
binance-futures,BTCUSDT,1700000000900000,1700000001006000,false,ask,37000.2,0.125
binance-futures,BTCUSDT,1700000002000000,1700000002005000,true,bid,36999,3
binance-futures,BTCUSDT,1700000002000000,1700000002005000,true,ask,37001,4
"""


def test_a_snapshot_of_tardis_forgets_the_book_before_it(tmp_path):
    path = tmp_path / "binance-futures_incremental_book_L2_2023-11-14_BTCUSDT.csv.gz"
    path.write_bytes(gzip.compress(BOOK.encode()))
    dataset = load_any(path)
    rows = rows_of(dataset)
    assert rows[:, 2].tolist() == [
        CLEAR,
        CLEAR | SELL,
        SNAPSHOT,
        SNAPSHOT | SELL,
        LEVEL,
        LEVEL | SELL,
        CLEAR,
        CLEAR | SELL,
        SNAPSHOT,
        SNAPSHOT | SELL,
    ]
    assert rows[:, 3].tolist()[2:6] == [370_001, 370_002, 370_001, 370_002]
    assert rows[:, 4].tolist() == [0, 0, 2_500, 1_000, 0, 125, 0, 0, 3_000, 4_000]
    assert rows[5, 0] == 1_700_000_001 * 10**9  # it came late
    assert kinds(dataset)["late_event"].count == 1
    assert dataset.instrument.symbol == "BTC/USDT:USDT"
    assert book_after(rows).top() == (369_990, 3_000, 370_010, 4_000)


def test_trades_and_quotes_of_tardis(tmp_path):
    trades = tmp_path / "trades.csv"
    trades.write_text(
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
        "deribit,BTC-PERPETUAL,1700000000000000,1700000000001000,77,buy,100.5,2\n"
        "deribit,BTC-PERPETUAL,1700000000500000,1700000000501000,78,sell,100,1\n"
    )
    rows = rows_of(load_any(trades, options=ImportOptions(symbol="BTC-USD")))
    assert rows[:, 2:].tolist() == [[TRADE, 1_005, 2, 77], [TRADE | SELL, 1_000, 1, 78]]
    quotes = tmp_path / "quotes.csv"
    quotes.write_text(
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
        "okex,BTC-USDT,1700000000000000,1700000000001000,2,100.5,100.4,1.5\n"
        "okex,BTC-USDT,1700000000500000,1700000000501000,2,,100.4,1.5\n"
    )
    rows = rows_of(load_any(quotes))
    assert rows[:, 1:].tolist() == [[1_004, 1_005, 15, 20], [1_004, 0, 15, 20]]


def test_crossed_quotes_are_refused_with_their_row(tmp_path):
    path = tmp_path / "quotes.csv"
    path.write_text(
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
        "okex,BTC-USDT,1700000000000000,1700000000001000,2,100.5,100.4,1.5\n"
        "okex,BTC-USDT,1700000000500000,1700000000501000,2,100.4,100.5,1.5\n"
    )
    with pytest.raises(InvalidInputError, match="row 1: the bid is not below the ask; mend"):
        load_any(path)


@pytest.mark.parametrize(
    ("unit", "header", "name"),
    [
        (1_000, "", "BTCUSDT-trades-2023-11-14.csv"),
        (1_000_000, "", "BTCUSDT-trades-2025-11-14.csv"),
        (1_000, "id,price,qty,quote_qty,time,is_buyer_maker\n", "BTCUSDT-trades-2023-11-14.csv"),
    ],
)
def test_dumps_of_trades_in_ms_and_us_with_and_without_header(tmp_path, unit, header, name):
    path = tmp_path / name
    best = "" if header else ",True"
    text = "".join(
        f"{number},37000.10,0.00{number},1.5,{1_700_000_000 * unit + number},{maker}{best}\n"
        for number, maker in ((7, "True"), (9, "False"))
    )
    path.write_text(header + text)
    dataset = load_any(path)
    rows = rows_of(dataset)
    nanos = 10**9 // unit
    assert rows[:, 0].tolist() == [1_700_000_000 * 10**9 + 7 * nanos, 1_700_000_000 * 10**9 + 9 * nanos]
    assert rows[:, 2:].tolist() == [[TRADE | SELL, 370_001, 7, 7], [TRADE, 370_001, 9, 9]]
    assert kinds(dataset)["missing_trades"].count == 1
    assert dataset.instrument.venue == ("binance-um" if header else "binance-spot")


def test_aggregate_trades_of_a_dump(tmp_path):
    path = tmp_path / "ETHUSDT-aggTrades-2023-11.csv"
    path.write_text(
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        "5,2000.01,0.5,50,52,1700000000000,false\n"
    )
    assert rows_of(load_any(path))[:, 2:].tolist() == [[TRADE, 200_001, 5, 5]]


@pytest.mark.data
def test_a_recording_whose_clock_ran_behind_is_corrected(shared_data):
    dataset = load_any(shared_data / "binance_l2_2024" / "usdm_btcusdt_20240808.raw.zst")
    rows = rows_of(dataset)
    assert len(rows) == dataset.record.rows == 596_921
    assert (rows[:, 1] - rows[:, 0]).min() == 1_000_000
    assert np.all(np.diff(rows[:, :2], axis=0) >= 0)
    assert kinds(dataset)["clock_skew"].severity == "warning"
    assert (dataset.instrument.price_tick, dataset.instrument.size_step) == ("0.1", "0.001")


@pytest.mark.data
@pytest.mark.parametrize(("name", "worth"), [("cm_btcusd_perp", "100"), ("cm_ethusd_perp", "10")])
def test_contracts_of_coins_are_counted_as_recorded_and_worth_their_value(shared_data, name, worth):
    dataset = load_any(shared_data / "binance_l2_2024" / f"{name}_20240808.raw.zst")
    assert (dataset.instrument.kind, dataset.instrument.size_step) == ("inverse", worth)
    rows = rows_of(dataset)
    assert len(rows) == dataset.record.rows > 100_000
    trades = rows[(rows[:, 2] & CODE_MASK) == TRADE]
    assert trades[:, 4].min() == 1  # a contract


@pytest.mark.data
def test_the_orders_of_lobster_and_the_updates_of_coinbase(shared_data):
    [path] = (shared_data / "lobster_l3_2012").glob("*_message_10.csv.zst")
    dataset = load_any(path)
    codes = rows_of(dataset)[:, 2] & CODE_MASK
    assert {int(code) for code in np.unique(codes)} == {2, 10, 11, 12, 13}
    assert kinds(dataset)["unknown_orders"].count == 403
    assert kinds(dataset)["anonymous_orders"].count == 3_959
    assert "unseen_cancels" not in kinds(dataset)
    assert dataset.record.first_ns == 1_340_285_400_015_105_074  # 09:30 in New York
    coinbase = load_any(shared_data / "coinbase_l2_2018")
    rows = rows_of(coinbase)
    assert np.count_nonzero((rows[:, 2] & CODE_MASK) == LEVEL) == 193_848
    bid, _, ask, _ = book_after(rows).top()
    assert 0 < ask - bid < 100


def touches(rows):
    """The simulator's touch after each moment of rows by order."""
    simulator = Simulator()
    simulator.add_instrument(price_tick="0.01", size_step="1", by_order=True, queue_model="fifo")
    simulator.add_stream(0, [rows])
    simulator.subscribe(0, touch=True)
    found = {}
    while (wake := simulator.advance()) is not None:
        found[wake[0]] = simulator.touch(0)
    assert simulator.counters(0)[1] == 0  # every row fits the book
    return found


@pytest.mark.data
def test_the_touch_is_that_of_lobsters_book_file_at_every_moment(shared_data):
    folder = shared_data / "lobster_l3_2012"
    [path], [book] = folder.glob("*_message_10.csv.zst"), folder.glob("*_orderbook_10.csv.zst")
    dataset = load_any(path)
    midnight_ns = 1_340_251_200 * 10**9  # of 2012-06-21 in New York
    shown = {}
    for line, view in zip(file_lines(path), file_lines(book), strict=True):
        seconds, _, part = line.partition(b",")[0].partition(b".")
        at_ns = midnight_ns + int(seconds) * 10**9 + int(part.ljust(9, b"0"))
        ask, ask_lots, bid, bid_lots = map(int, view.split(b",")[:4])
        shown[at_ns] = (bid // 100, bid_lots, ask // 100, ask_lots)
    found = touches(rows_of(dataset))
    last = None
    for at_ns, touch in shown.items():
        last = found.get(at_ns, last)
        assert last == touch, at_ns
    assert len(shown) > 100_000


def test_the_book_file_of_lobster_lies_beside_its_messages(tmp_path):
    path = tmp_path / "GOOG_2012-06-21_34200000_57600000_message_1.csv"
    path.write_text("34200.1,1,7,10,5794000,1\n34200.2,3,7,10,5794000,1\n34200.3,4,5,1,5795000,-1\n")
    assert len(rows_of(load_any(path))) == 3  # the sale of an order that is not known
    book = tmp_path / "GOOG_2012-06-21_34200000_57600000_orderbook_1.csv"
    book.write_text("5795000,4,5794000,10\n5795000,4,5793000,6\n5795000,3,5793000,6\n")
    rows = rows_of(load_any(path))
    assert np.array_equal(rows_of(load_any(tmp_path)), rows)  # of a folder they are one dataset
    assert load_any(tmp_path, options=ImportOptions(symbol="GOOG")).instrument.symbol == "GOOG/USD"
    with pytest.raises(InvalidInputError, match=rf"book file of LOBSTER; give its messages, {path.name}"):
        load_any(book)
    assert touches(rows) == {
        int(rows[0, 0]): (57_940, 10, 57_950, 4),
        int(rows[0, 0]) + 10**8: (57_930, 6, 57_950, 4),
        int(rows[0, 0]) + 2 * 10**8: (57_930, 6, 57_950, 3),
    }
    book.write_text("5795000,4,5794000,10\n5795000,4,5793000,6\n")
    with pytest.raises(InvalidInputError, match="one line after each message"):
        load_any(path)
    path.unlink()
    with pytest.raises(InvalidInputError, match=f"put {path.name} beside it"):
        load_any(tmp_path)


@pytest.mark.data
def test_sessions_of_other_venues(shared_data):
    grids = {
        "KRAKEN": ("XMR/USD", "0.01", "0.00000001"),
        "OKX": ("BTC-USDT", "0.1", "0.00000001"),
        "COINBASE": ("BTC-USD", "0.01", "0.00000001"),
        "BYBIT": ("BTCUSDT", "0.1", "0.000001"),
        "BINANCE": ("NKNUSDT", "0.00001", "1"),
        "BINANCE_FUTURES": ("SUSHIUSDT", "0.001", "1"),
    }
    for name, (symbol, tick, step) in grids.items():
        options = ImportOptions(symbol=symbol, price_tick=tick, size_step=step)
        rows = rows_of(load_any(shared_data / "ws_frames" / f"{name}.jsonl.zst", options=options))
        assert len(rows) > 100, name
        assert np.all(np.diff(rows[:, :2], axis=0) >= 0), name
        book = book_after(rows)
        assert not book.is_crossed, name
        assert book.top() is not None, name
    with pytest.raises(InvalidInputError, match="with the venue's own --symbol"):
        load_any(shared_data / "ws_frames" / "KRAKEN.jsonl.zst")
