import os

import pytest

from openoutcry.memory.halt_latch import FLAG_FILE_NAME, HaltLatch


@pytest.fixture
def flag(state):
    """The flag of a state folder in use."""
    HaltLatch(state)
    return state / FLAG_FILE_NAME


def test_a_broken_flag_does_not_keep_anybody_from_halting_and_is_mended_by_hand(oo, state, flag):
    flag.write_bytes(b"broken")
    assert oo("halt", "--reason", "drill", "--json").result["reason"] == "drill"
    called = oo("resume")
    assert (called.code, called.out) == (6, "")
    assert "could not be lifted and stays" in called.err
    assert HaltLatch(state).is_armed()
    flag.unlink()
    assert oo("resume").out == "the halt is lifted (it was: drill)\n"
    assert not HaltLatch(state).is_armed()


def test_a_halt_that_cannot_be_made_to_last_stops_orders_all_the_same(oo, state, flag, monkeypatch):
    def full(_descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    called = oo("halt")
    assert called.code == 6
    assert "orders are stopped" in called.err
    assert HaltLatch(state).is_armed()


def test_one_who_is_overtaken_by_a_new_halt_is_told(oo, state, monkeypatch):
    HaltLatch(state).arm("old", "risk", 1)
    lift = HaltLatch.lift

    def lift_and_be_overtaken(latch, by):
        lifted = lift(latch, by)
        HaltLatch(state).arm("new", "risk", 2)
        return lifted

    monkeypatch.setattr(HaltLatch, "lift", lift_and_be_overtaken)
    called = oo("resume", "--json")
    assert (called.code, called.result, called.error["kind"]) == (7, None, "HaltedError")
    assert "in force again: new" in called.error["message"]
