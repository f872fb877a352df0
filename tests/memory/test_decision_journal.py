import sqlite3

import pytest

from openoutcry.domain.errors import JournalError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.opinions import Signal
from openoutcry.domain.units import NS_PER_MS
from openoutcry.memory.decision_journal import DecisionJournal, DecisionReader


def candle(number, symbol="BTC/USDT"):
    return CandleClosed(
        id=f"{symbol}:candle:{number}",
        symbol=symbol,
        open_ns=number,
        close_ns=number + 1,
        open_ticks=1,
        high_ticks=3,
        low_ticks=1,
        close_ticks=2,
        volume_lots=5,
        buy_volume_lots=2,
        notional=9,
        trade_count=3,
        first_trade_id=number * 10,
        last_trade_id=number * 10 + 2,
    )


def signal(name="s1", exposure=0.5):
    return Signal(
        id=name, cause_id="c", symbol="BTC/USDT", strategy="s", exposure=exposure, reason="r", at_ns=7
    )


@pytest.fixture
def journal(tmp_path):
    journal = DecisionJournal(tmp_path / "decisions.db", batch_messages=3, delay_ns=100 * NS_PER_MS)
    yield journal
    journal.close()


@pytest.fixture
def reader(journal):
    reader = DecisionReader(journal.path)
    yield reader
    reader.close()


def test_a_full_batch_is_written(journal, reader):
    journal.record(candle(1), 0)
    journal.record(candle(2), 0)
    assert reader.counts() == {}
    journal.record(signal(), 0)
    assert reader.counts() == {"CandleClosed": 2, "Signal": 1}


def test_an_old_batch_is_written(journal, reader):
    assert journal.next_timer_ns is None
    journal.record(candle(1), 5)
    assert journal.next_timer_ns == 5 + 100 * NS_PER_MS
    journal.on_timer(journal.next_timer_ns - 1)
    assert reader.counts() == {}
    journal.on_timer(journal.next_timer_ns)
    assert reader.counts() == {"CandleClosed": 1}


def test_the_same_message_is_written_once(journal, reader):
    for _ in range(2):
        journal.record(signal(), 0)
        journal.flush()
    assert (reader.counts(), journal.written, journal.duplicates, journal.conflicts) == (
        {"Signal": 1},
        1,
        1,
        0,
    )


def test_two_messages_of_one_id_are_a_conflict_and_the_first_is_kept(journal, reader):
    journal.record(signal(exposure=0.5), 0)
    journal.record(signal(exposure=0.6), 0)
    journal.flush()
    assert journal.conflicts == 1
    assert b"0.5" in reader.find("s1")[0].payload


def test_the_last_candles_come_oldest_first_and_only_of_the_symbol(journal, reader):
    for number in (1, 2, 3, 4):
        journal.record(candle(number), 0)
        journal.record(candle(number + 100, "ETH/USDT"), 0)
    assert [each.open_ns for each in journal.last_candles("BTC/USDT", 2)] == [3, 4]
    assert reader.last_candles("BTC/USDT", 99) == tuple(candle(number) for number in (1, 2, 3, 4))
    assert reader.last_candles("BTC/USDT", 0) == ()
    assert (journal.last_trade_id("BTC/USDT"), journal.last_trade_id("XRP/USDT")) == (42, 0)


def test_the_columns_are_the_messages_own(journal, reader):
    journal.record(signal(), 99)
    journal.flush()
    record = reader.find("s1")[0]
    assert (record.kind, record.cause_id, record.symbol, record.at_ns) == ("Signal", "c", "BTC/USDT", 7)
    assert list(reader.records(kind="Signal")) == list(reader.records())


def test_a_second_writer_is_refused(journal):
    with pytest.raises(JournalError, match="another instance"):
        DecisionJournal(journal.path)


def test_what_could_not_be_written_stays_gathered(journal, reader):
    journal.record(signal(), 0)
    journal._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(JournalError, match="cannot be written"):
        journal.flush()
    journal._connection.execute("PRAGMA query_only=OFF")
    journal.flush()
    assert reader.counts() == {"Signal": 1}


def test_closing_writes_what_is_gathered(tmp_path):
    journal = DecisionJournal(tmp_path / "d.db")
    journal.record(signal(), 0)
    journal.close()
    reader = DecisionReader(tmp_path / "d.db")
    assert reader.counts() == {"Signal": 1}
    reader.close()


def test_an_order_journal_is_not_taken_for_a_decision_journal(tmp_path):
    with sqlite3.connect(tmp_path / "d.db") as connection:
        connection.execute("PRAGMA application_id=7")
        connection.execute("CREATE TABLE t(x)")
    connection.close()
    with pytest.raises(JournalError, match="another journal"):
        DecisionReader(tmp_path / "d.db")
