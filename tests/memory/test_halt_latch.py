import os
import threading

import pytest

from openoutcry.domain.errors import HaltedError
from openoutcry.memory.halt_latch import FILE_NAME, FLAG_FILE_NAME, LIFTED_FILE_NAME, HaltLatch, HaltRecord

ARMERS = 8


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def latch(state):
    return HaltLatch(state)


def test_a_new_latch_is_not_armed(latch):
    assert not latch.is_armed()
    latch.permit()
    assert latch.read() is None
    assert latch.lift("operator") is None


def test_an_armed_one_permits_nothing_and_says_what_to_do(latch):
    latch.arm("drawdown", "risk", 7)
    with pytest.raises(HaltedError, match=r"nothing is sent: the halt is armed; .*`openoutcry resume`"):
        latch.permit()


def test_a_halt_survives_a_restart(latch, state):
    latch.arm("drawdown", "risk", 7)
    again = HaltLatch(state)
    assert again.is_armed()
    assert again.read() == HaltRecord(reason="drawdown", by="risk", at_ns=7)


def test_a_halt_survives_the_loss_of_its_flag(latch, state):
    """The memory of a machine that went down: the file alone is a halt."""
    latch.arm("drawdown", "risk", 7)
    (state / FLAG_FILE_NAME).unlink()
    again = HaltLatch(state)
    assert again.read() == HaltRecord(reason="drawdown", by="risk", at_ns=7)
    assert again.is_armed()
    again.lift("operator")
    assert not HaltLatch(state).is_armed()


def test_the_first_reason_stands(latch):
    latch.arm("first", "risk", 1)
    assert latch.arm("second", "operator", 2).reason == "first"
    assert latch.read().reason == "first"


def test_of_many_at_once_one_reason_stands_for_all(latch, state):
    barrier = threading.Barrier(ARMERS)
    records = []

    def arm(name):
        mine = HaltLatch(state)
        barrier.wait()
        records.append(mine.arm(name, "test", 1))

    threads = [threading.Thread(target=arm, args=(str(each),)) for each in range(ARMERS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert records == [latch.read()] * ARMERS
    assert {path.name for path in state.iterdir()} == {FILE_NAME, FLAG_FILE_NAME}


def test_lifting_ends_it_and_keeps_who_did_it(latch, state):
    latch.arm("drawdown", "risk", 7)
    assert latch.lift("operator").lifted_by == "operator"
    assert not latch.is_armed()
    assert b'"lifted_by":"operator"' in (state / LIFTED_FILE_NAME).read_bytes()
    latch.arm("again", "risk", 8)
    assert latch.read().reason == "again"


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"reason":1}', b"\xff\xfe"])
def test_a_garbled_file_is_a_halt(latch, state, content):
    (state / FILE_NAME).write_bytes(content)
    assert latch.is_armed()
    assert "cannot be read" in latch.read().reason
    latch.lift("operator")
    assert not latch.is_armed()


def test_a_file_that_is_a_folder_or_a_dangling_link_is_a_halt(latch, state, tmp_path):
    file = state / FILE_NAME
    file.mkdir()
    assert latch.is_armed()
    assert "cannot be read" in latch.read().reason
    file.rmdir()
    file.symlink_to(tmp_path / "nowhere")
    assert latch.is_armed()
    with pytest.raises(HaltedError, match=FILE_NAME):
        latch.permit()


def test_a_state_folder_that_is_gone_is_a_halt(latch, state):
    (state / FLAG_FILE_NAME).unlink()
    state.rmdir()
    assert latch.is_armed()
    assert "nobody can know" in latch.read().reason
    with pytest.raises(OSError, match="No such file"):
        latch.lift("operator")


def test_a_flag_that_is_broken_is_a_halt_that_only_its_removal_ends(latch, state):
    (state / FLAG_FILE_NAME).write_bytes(b"broken")
    for each in (latch, HaltLatch(state)):
        assert "cannot be used" in each.read().reason
        with pytest.raises(OSError, match="another length"):
            each.lift("operator")
        assert each.is_armed()
    latch.arm("drawdown", "risk", 7)
    (state / FLAG_FILE_NAME).unlink()
    again = HaltLatch(state)
    assert again.lift("operator").reason == "drawdown"
    assert not again.is_armed()


def test_a_process_that_died_between_flag_and_file_leaves_a_halt(latch, state):
    latch._flag.arm(7)
    again = HaltLatch(state)
    assert again.is_armed()
    assert (again.read().at_ns, "not (or not yet) written" in again.read().reason) == (7, True)
    assert again.lift("operator") is not None
    assert not latch.is_armed()


def test_one_who_died_before_the_flag_was_cleared_can_be_finished_for(latch, state):
    latch.arm("drawdown", "risk", 7)
    (state / FILE_NAME).unlink()
    assert latch.is_armed()
    assert latch.lift("operator") is not None
    assert not latch.is_armed()


def test_a_halt_armed_while_another_is_lifted_stays(latch, state, monkeypatch):
    """The new one finds the old one's file and leaves it; then the lifter takes that file away."""
    latch.arm("old", "risk", 1)
    read = latch.read

    def read_and_be_overtaken():
        record = read()
        monkeypatch.setattr(latch, "read", read)
        HaltLatch(state).arm("new", "risk", 2)
        return record

    monkeypatch.setattr(latch, "read", read_and_be_overtaken)
    assert latch.lift("operator").reason == "old"
    assert latch.is_armed()
    (state / FLAG_FILE_NAME).unlink()
    assert HaltLatch(state).read().reason == "armed anew while operator lifted: old"


def test_the_flag_is_set_before_anything_is_written(latch, monkeypatch):
    armed = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (armed.append(latch.is_armed()), real(descriptor)))
    latch.arm("r", "by", 1)
    assert armed == [True, True]


def test_the_file_and_its_folder_are_synced(latch, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_mode), real(descriptor))
    )
    latch.arm("r", "by", 1)
    assert [mode >> 12 for mode in synced] == [0o10, 0o4]  # a regular file, then a folder


def test_what_cannot_be_made_durable_leaves_nothing_behind_but_is_a_halt(latch, state, monkeypatch):
    def fail(_descriptor):
        raise OSError("disk")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk"):
        latch.arm("r", "by", 1)
    assert [path.name for path in state.iterdir()] == [FLAG_FILE_NAME]
    assert latch.is_armed()


def test_a_relative_folder_does_not_move_with_the_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    latch = HaltLatch(type(tmp_path)("state"))
    monkeypatch.chdir("/")
    assert not latch.is_armed()
    latch.arm("r", "by", 1)
    assert (tmp_path / "state" / FILE_NAME).exists()
