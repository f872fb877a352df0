"""The halt flag between real processes: killed, stopped, forked, started at once."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from openoutcry.domain.errors import HaltedError
from openoutcry.memory.halt_latch import FILE_NAME, FLAG_FILE_NAME, HaltLatch
from openoutcry.native import HaltFlag

CREATORS = 8
STRANGER_UID = 54_321

# What the other processes do; `flag` is theirs.
PREAMBLE = """
import os, sys
from openoutcry.domain.errors import HaltedError
from openoutcry.native import HaltFlag
flag = HaltFlag(flag=sys.argv[1], record=sys.argv[2])
"""
SPIN_UNTIL_HALTED = """
flag.permit()
print("permitted", flush=True)
try:
    while True:
        flag.permit()
except HaltedError as error:
    print(error)
"""
ARM_FOR_EVER = """
flag.arm(1)
print("armed", flush=True)
while True:
    flag.arm(1)
"""
ARM_IN_A_FORK = """
child = os.fork()
if child == 0:
    flag.arm(1)
    os._exit(0)
os.waitpid(child, 0)
print(flag.is_armed())
"""
ANSWER = """
print(flag.is_armed(), flush=True)
sys.stdin.readline()
print(flag.is_armed(), flush=True)
"""


@pytest.fixture
def paths(tmp_path):
    return {"flag": tmp_path / FLAG_FILE_NAME, "record": tmp_path / FILE_NAME}


@pytest.fixture
def flag(paths):
    return HaltFlag(**paths)


@pytest.fixture
def other(paths):
    """Starts another process with the same flag; it is gone when the block ends."""

    @contextmanager
    def start(program):
        command = [sys.executable, "-c", PREAMBLE + program, *map(str, paths.values())]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return start


def is_permitted(latch):
    try:
        latch.permit()
    except HaltedError:
        return False
    return True


def stopped(process):
    """Stop a process wherever it is, and wait until it is."""
    process.send_signal(signal.SIGSTOP)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def test_the_command_in_another_process_ends_a_loop_that_asks(tmp_path):
    latch = HaltLatch(tmp_path / "state")
    command = [sys.executable, "-m", "openoutcry.cli", "halt", "--state-dir", str(tmp_path / "state")]
    permits = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while is_permitted(latch) and process.poll() is None:
            permits += 1
        assert not is_permitted(latch)
        output = process.communicate()[0]
    assert permits > 0
    assert output.startswith("halted: by the operator")
    subprocess.run([sys.executable, "-m", "openoutcry.cli", "resume", *command[4:]], check=True)
    latch.permit()


def test_another_process_sees_it_in_its_loop_without_any_file(flag, paths, other):
    with other(SPIN_UNTIL_HALTED) as process:
        assert process.stdout.readline() == "permitted\n"
        flag.arm(1)
        assert "the halt is armed" in process.communicate()[0]
    assert not paths["record"].exists()


def test_what_was_stopped_meanwhile_permits_nothing_when_it_goes_on(flag, other):
    with other(SPIN_UNTIL_HALTED) as process:
        process.stdout.readline()
        stopped(process)
        flag.arm(1)
        assert flag.is_armed()
        process.send_signal(signal.SIGCONT)
        assert "the halt is armed" in process.communicate()[0]


def test_one_that_is_stopped_or_killed_while_it_arms_is_in_nobodys_way(flag, other):
    with other(ARM_FOR_EVER) as process:
        process.stdout.readline()
        stopped(process)
        with pytest.raises(HaltedError):
            flag.permit()
        assert flag.clear(flag.generation())
        assert not flag.is_armed()
        flag.arm(2)
        process.kill()
        process.wait()
    assert flag.is_armed()
    assert flag.clear(flag.generation())


def test_a_forked_process_shares_it(flag, other):
    with other(ARM_IN_A_FORK) as process:
        assert process.communicate()[0] == "True\n"
    assert flag.is_armed()


def test_processes_that_make_it_at_once_share_it(paths, other):
    with all_of(other, CREATORS) as processes:
        assert [process.stdout.readline() for process in processes] == ["False\n"] * CREATORS
        HaltFlag(**paths).arm(1)
        assert [process.communicate("\n")[0] for process in processes] == ["True\n"] * CREATORS
    assert [path.name for path in paths["flag"].parent.iterdir()] == [FLAG_FILE_NAME]


@contextmanager
def all_of(start, count):
    if not count:
        yield []
        return
    with start(ANSWER) as first, all_of(start, count - 1) as rest:
        yield [first, *rest]


@pytest.mark.parametrize("harm", ["cut", "remove", "replace", "overwrite", "rename the folder"])
def test_harm_to_the_file_in_the_middle_of_a_loop_ends_the_orders(paths, other, tmp_path, harm):
    """Cutting it off may end the process itself, in the nanoseconds between the look and the load."""
    with other(SPIN_UNTIL_HALTED) as process:
        process.stdout.readline()
        match harm:
            case "cut":
                os.truncate(paths["flag"], 0)
            case "remove":
                paths["flag"].unlink()
            case "replace":
                HaltFlag(flag=tmp_path / "another", record=paths["record"])
                (tmp_path / "another").replace(paths["flag"])
            case "overwrite":
                with paths["flag"].open("r+b") as file:
                    file.write(b"x" * 32)
            case _:
                tmp_path.rename(tmp_path.with_name("elsewhere"))
        output, errors = process.communicate()
    assert errors == ""
    if process.returncode == 0:
        assert "cannot be known" in output
    else:
        assert (harm, process.returncode) == ("cut", -signal.SIGBUS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_strangers_flag_is_a_halt_but_the_administrator_may_use_a_traders(paths, flag, tmp_path):
    os.chown(paths["flag"], STRANGER_UID, -1)
    with pytest.raises(HaltedError, match="belongs to another user"):
        HaltFlag(**paths).permit()
    os.chown(tmp_path, STRANGER_UID, -1)
    HaltFlag(**paths).arm(1)
    assert flag.is_armed()


def test_the_error_is_the_domains_and_says_what_to_do(flag, paths):
    paths["record"].touch()
    with pytest.raises(HaltedError, match=r"nothing is sent: the halt is recorded in .*`openoutcry resume`"):
        flag.permit()
    paths["flag"].unlink()
    with pytest.raises(HaltedError, match=r"nothing is sent: .*No such file.*stop the system"):
        flag.permit()
    with pytest.raises(OSError, match="cannot be used"):
        flag.clear(1)


@pytest.mark.parametrize("moment", [-1, 2**64])
def test_a_moment_that_is_none_is_refused(flag, moment):
    with pytest.raises(OverflowError):
        flag.arm(moment)
    assert not flag.is_armed()
