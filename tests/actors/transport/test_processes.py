import os
import subprocess
import sys
import threading

import pytest

from openoutcry.actors.transport.processes import ALGEBRA_VARIABLES, is_single_threaded, one_thread_of_algebra

METHODS = """
import threading
from openoutcry.actors.transport.processes import Processes, is_single_threaded
def method():
    return type(Processes().Process(print, ())).__name__, is_single_threaded()
print(*method())
may_end = threading.Event()
thread = threading.Thread(target=may_end.wait)
thread.start()
print(*method())
may_end.set()
thread.join()
import os
while len(os.listdir("/proc/self/task")) > 1:
    pass
print(*method())
"""
STARTED = """
import os
from openoutcry.actors.transport.processes import Processes
from openoutcry.actors.transport.unix import UnixTransport
from thespian.system import multiprocCommon
def child():
    print(os.environ["UV_USE_IO_URING"], multiprocCommon.MultiProcManager.__name__, len(UnixTransport.living))
if __name__ == "__main__":
    UnixTransport.living.add(UnixTransport.__new__(UnixTransport))
    for each in UnixTransport.living:
        each.protectedFileNumList = lambda: []
    process = Processes().Process(child, ())
    process.start()
    process.join()
    print(process.exitcode, len(UnixTransport.living))
    UnixTransport.living.clear()
"""


def output(program):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()


def test_only_a_process_with_one_thread_forks():
    assert output(METHODS) == ["ForkProcess True", "SpawnProcess False", "ForkProcess True"]


def test_a_thread_of_any_kind_counts():
    may_end = threading.Event()
    thread = threading.Thread(target=may_end.wait)
    thread.start()
    try:
        assert not is_single_threaded()
    finally:
        may_end.set()
        thread.join()


def test_a_started_process_is_set_up_and_has_none_of_its_parents_transports():
    assert output(STARTED) == ["0 ActorLayer 0", "0 1"]


def test_what_is_started_inside_makes_no_threads_for_algebra(monkeypatch):
    for name in ALGEBRA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with one_thread_of_algebra():
        assert [os.environ[name] for name in ALGEBRA_VARIABLES] == ["1"] * 3
    assert not set(ALGEBRA_VARIABLES) & set(os.environ)


def test_a_users_own_choice_is_kept_and_an_error_leaves_nothing(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with pytest.raises(KeyError), one_thread_of_algebra():
        os.environ["NO_SUCH_VARIABLE"]
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in os.environ
