import os

import pytest

from openoutcry.memory.halt_latch import FILE_NAME, LIFTED_FILE_NAME, HaltLatch, HaltRecord


@pytest.fixture
def latch(tmp_path):
    return HaltLatch(tmp_path / "state")


def test_a_new_latch_is_not_armed(latch):
    assert not latch.is_armed()
    assert latch.read() is None
    assert latch.lift("operator") is None


def test_a_halt_survives_a_restart(latch, tmp_path):
    latch.arm("drawdown", "risk", 7)
    again = HaltLatch(tmp_path / "state")
    assert again.is_armed()
    assert again.read() == HaltRecord(reason="drawdown", by="risk", at_ns=7)


def test_the_first_reason_stands(latch):
    latch.arm("first", "risk", 1)
    assert latch.arm("second", "operator", 2).reason == "first"
    assert latch.read().reason == "first"


def test_lifting_ends_it_and_keeps_who_did_it(latch, tmp_path):
    latch.arm("drawdown", "risk", 7)
    assert latch.lift("operator").lifted_by == "operator"
    assert not latch.is_armed()
    assert b'"lifted_by":"operator"' in (tmp_path / "state" / LIFTED_FILE_NAME).read_bytes()
    latch.arm("again", "risk", 8)
    assert latch.read().reason == "again"


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"reason":1}', b"\xff\xfe"])
def test_a_garbled_flag_is_a_halt(latch, tmp_path, content):
    (tmp_path / "state" / FILE_NAME).write_bytes(content)
    assert latch.is_armed()
    assert "cannot be read" in latch.read().reason
    latch.lift("operator")
    assert not latch.is_armed()


def test_a_flag_that_is_a_folder_or_a_dangling_link_is_a_halt(latch, tmp_path):
    flag = tmp_path / "state" / FILE_NAME
    flag.mkdir()
    assert latch.is_armed()
    assert "cannot be read" in latch.read().reason
    flag.rmdir()
    flag.symlink_to(tmp_path / "nowhere")
    assert latch.is_armed()
    assert "cannot be read" in latch.read().reason


def test_a_state_folder_that_is_gone_is_a_halt(latch, tmp_path):
    (tmp_path / "state").rmdir()
    assert latch.is_armed()
    assert "gone" in latch.read().reason


def test_the_flag_and_its_folder_are_synced(latch, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_mode), real(descriptor))
    )
    latch.arm("r", "by", 1)
    assert [mode >> 12 for mode in synced] == [0o10, 0o4]  # a regular file, then a folder


def test_nothing_is_left_behind_when_arming_fails(latch, tmp_path, monkeypatch):
    def fail(_descriptor):
        raise OSError("disk")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk"):
        latch.arm("r", "by", 1)
    assert list((tmp_path / "state").iterdir()) == []
