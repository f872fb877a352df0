import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from openoutcry.domain.errors import JournalError
from openoutcry.memory.order_journal import SCHEMA_VERSION, JournalEntry, OrderJournal, OrderJournalReader


def entry(number, *, kind="OrderReport", trade_id=""):
    return JournalEntry(
        kind=kind,
        at_ns=number,
        symbol="BTC/USDT",
        payload=f'{{"number":{number}}}'.encode(),
        parent_id="p",
        client_order_id=f"c{number}",
        trade_id=trade_id,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "orders.db"


@pytest.fixture
def journal(path):
    journal = OrderJournal(path, venue="v")
    yield journal
    journal.close()


def numbers(path):
    reader = OrderJournalReader(path)
    try:
        reader.verify()
        return [each.at_ns for each in reader.entries()]
    finally:
        reader.close()


def crashed_copy(journal, folder):
    """The files as a killed process leaves them, the log not folded into the database."""
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{journal.path}{suffix}", folder / f"orders.db{suffix}")
    return folder / "orders.db"


def test_what_is_appended_is_read_while_the_writer_is_open(journal, path):
    journal.append([entry(1), entry(2)])
    journal.append([entry(3)])
    assert numbers(path) == [1, 2, 3]
    assert [each.seq for each in journal.entries()] == [1, 2, 3]


def test_the_journal_is_synced_and_private(journal, path):
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert path.stat().st_mode & 0o077 == 0


def test_a_second_writer_is_refused(journal, path):
    with pytest.raises(JournalError, match="another instance is writing"):
        OrderJournal(path, venue="v")
    journal.append([entry(1)])


def test_the_lock_is_free_after_close(path):
    OrderJournal(path, venue="v").close()
    OrderJournal(path, venue="v").close()


def test_a_trade_is_filled_once(journal, path):
    journal.append([entry(1, kind="Fill", trade_id="7")])
    with pytest.raises(JournalError, match="UNIQUE"):
        journal.append([entry(2), entry(3, kind="Fill", trade_id="7")])
    assert numbers(path) == [1]


def test_after_a_failed_write_everything_is_refused(journal):
    journal._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(JournalError, match="cannot be written"):
        journal.append([entry(1)])
    journal._connection.execute("PRAGMA query_only=OFF")
    with pytest.raises(JournalError, match="failed before"):
        journal.append([entry(2)])
    assert journal.failure


def test_a_full_disk_is_a_journal_error(journal, path):
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count={pages}")

    def fill_up():
        for number in range(10_000):
            journal.append([entry(number)])

    with pytest.raises(JournalError, match="full"):
        fill_up()
    assert numbers(path) == sorted(numbers(path))


@pytest.mark.parametrize("change", ["UPDATE events SET at_ns = 9", "DELETE FROM events"])
def test_rows_are_neither_changed_nor_deleted(journal, change):
    journal.append([entry(1)])
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        journal._connection.execute(change)


def test_a_newer_journal_is_refused_plainly(path):
    OrderJournal(path, venue="v").close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(JournalError, match=r"newer openoutcry.*upgrade"):
        OrderJournal(path, venue="v")
    with pytest.raises(JournalError, match="newer openoutcry"):
        OrderJournalReader(path)


def test_another_programs_database_is_refused(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes(text)")
    connection.close()
    with pytest.raises(JournalError, match="another program's"):
        OrderJournal(path, venue="v")


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "orders.db"
    path.write_bytes(b"this is not a database, and long enough to be read as one" * 20)
    with pytest.raises(JournalError, match="damaged or unreadable"):
        OrderJournal(path, venue="v")


def test_a_folder_that_cannot_be_made_is_a_journal_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="permissions"):
        OrderJournal(tmp_path / "file" / "orders.db", venue="v")


def test_no_journal_to_read_is_said(tmp_path):
    with pytest.raises(JournalError, match="there is no journal"):
        OrderJournalReader(tmp_path / "orders.db")


def test_a_log_torn_anywhere_leaves_a_valid_prefix(journal, tmp_path):
    for number in range(1, 9):
        journal.append([entry(number)])
    copy = crashed_copy(journal, tmp_path / "copy")
    log = copy.with_name("orders.db-wal")
    whole = log.read_bytes()
    seen = set()
    for length in range(len(whole), 0, -1_777):
        log.write_bytes(whole[:length])
        target = tmp_path / f"torn-{length}"
        target.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{copy}{suffix}", target / f"orders.db{suffix}")
        torn = OrderJournal(target / "orders.db", venue="v")
        survived = [each.at_ns for each in torn.entries()]
        torn.append([entry(99)])
        torn.close()
        assert survived == list(range(1, len(survived) + 1))
        seen.add(len(survived))
    assert {0, 8} <= seen


def test_a_bit_flipped_in_the_log_before_later_commits_is_refused(journal, tmp_path):
    for number in range(1, 9):
        journal.append([entry(number)])
    copy = crashed_copy(journal, tmp_path / "copy")
    log = copy.with_name("orders.db-wal")
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    with pytest.raises(JournalError, match="damaged at byte"):
        OrderJournal(copy, venue="v")


def test_a_bit_flipped_in_a_row_is_refused_and_named(path):
    journal = OrderJournal(path, venue="v")
    journal.append([entry(number) for number in range(1, 9)])
    journal.close()
    content = path.read_bytes()
    assert content.count(b'{"number":5}') == 1
    path.write_bytes(content.replace(b'{"number":5}', b'{"number":4}'))
    with pytest.raises(JournalError, match="row 5 is missing or its checksum does not fit"):
        OrderJournal(path, venue="v")
    with pytest.raises(JournalError, match="row 5"):
        numbers(path)


def test_bits_flipped_anywhere_in_the_file_never_change_what_is_read(path, tmp_path):
    journal = OrderJournal(path, venue="v")
    journal.append([entry(number) for number in range(1, 9)])
    truth = list(journal.entries())
    journal.close()
    content = path.read_bytes()
    refused = 0
    for offset in range(0, len(content), 211):
        damaged = tmp_path / "damaged.db"
        damaged.write_bytes(content[:offset] + bytes([content[offset] ^ 0x10]) + content[offset + 1 :])
        try:
            opened = OrderJournal(damaged, venue="v")
        except JournalError:
            refused += 1
            continue
        assert list(opened.entries()) == truth
        opened.close()
    assert refused


def test_a_database_cut_short_is_refused(path):
    journal = OrderJournal(path, venue="v")
    journal.append([entry(number) for number in range(1, 200)])
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(JournalError, match="damaged or unreadable"):
        OrderJournal(path, venue="v")


def test_kill_9_in_the_middle_of_writing_leaves_a_valid_prefix(path):
    program = textwrap.dedent(
        f"""
        import itertools, pathlib
        from openoutcry.memory.order_journal import JournalEntry, OrderJournal
        journal = OrderJournal(pathlib.Path({str(path)!r}), venue="v")
        for number in itertools.count(1):
            row = JournalEntry(kind="OrderReport", at_ns=number, symbol="s", payload=b"x" * 500)
            journal.append([row, row])
            print(number, flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    told = 0
    for line in process.stdout:
        told = int(line)
        if told == 25:
            os.kill(process.pid, signal.SIGKILL)
            break
    told = max([told, *(int(line) for line in process.stdout if line.strip().isdigit())])
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    journal = OrderJournal(path, venue="v")
    rows = [each.at_ns for each in journal.entries()]
    journal.close()
    last = len(rows) // 2
    assert rows == [number for number in range(1, last + 1) for _ in range(2)]
    assert last >= told, "a transaction that was told to be durable is lost"
