"""However a run fails on this side, the actors are asked to stop in order before they are ended."""

import pytest

from openoutcry.actors.system import SystemFailedError
from openoutcry.cli import session as session_module
from openoutcry.cli.session import Session


class System:
    is_running = True

    def __init__(self, error=None):
        self.did = []
        self.error = error

    def stop(self, reason):
        self.did.append(f"stop: {reason}")
        if self.error is not None:
            raise self.error

    def __exit__(self, *_):
        self.did.append("end")


@pytest.fixture
def running(monkeypatch):
    """A session that has begun, without processes; `ended` says what its record was told."""
    monkeypatch.setattr(Session, "__enter__", lambda self: self)
    monkeypatch.setattr(
        session_module, "end_record", lambda _paths, *, outcome, **_: session.ended.append(outcome)
    )
    session = Session.__new__(Session)
    session.ended, session.paths, session._is_stopped = [], None, False
    session._system = System()
    return session


def test_an_error_stops_in_order_and_is_recorded(running):
    with pytest.raises(OSError, match="the terminal"), running:
        raise OSError("the terminal is gone")
    assert running._system.did == ["stop: the run failed", "end"]
    assert running.ended == ["ended by OSError: the terminal is gone"]


def test_a_stop_that_failed_is_not_tried_again(running):
    running._system = System(SystemFailedError("no answer"))
    with pytest.raises(SystemFailedError), running:
        running.stop("the end")
    assert running._system.did == ["stop: the end", "end"]


def test_a_second_signal_does_not_wait(running):
    with pytest.raises(KeyboardInterrupt), running:
        raise KeyboardInterrupt
    assert running._system.did == ["end"]


def test_a_run_that_stopped_is_only_ended(running):
    with running:
        running.stop("the end")
    assert running._system.did == ["stop: the end", "end"]
    assert running.ended == []
