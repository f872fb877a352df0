import copy
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import thespian.actors as thespian

from openoutcry.actors.transport import address

HOLDER = """
import sys
from pathlib import Path
from openoutcry.actors.transport import address
folder = Path(sys.argv[1])
address.claim_folder(folder)
(folder / "1-socket").touch()
print("claimed", flush=True)
sys.stdin.read()
"""

REMOVER = """
import select
import sys
from pathlib import Path
from openoutcry.actors.transport import address
while not select.select([sys.stdin], [], [], 0)[0]:
    address.remove_folder(Path(sys.argv[1]))
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder in which the folders of this test's systems lie."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    assert address.socket_root() == runtime / "openoutcry"
    return address.socket_root()


@pytest.fixture
def holder():
    """Start a real process that uses a folder."""
    started = []

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "claimed\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_folder_and_its_parent_are_made_for_the_owner_only(root):
    os.close(address.claim_folder(root / "system"))
    assert [path.stat().st_mode & 0o777 for path in (root, root / "system")] == [0o700, 0o700]


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777, 0o701])
@pytest.mark.parametrize("which", ["the folder", "its parent"])
def test_a_folder_that_others_may_enter_is_refused(root, mode, which):
    folder = root / "system"
    os.close(address.claim_folder(folder))
    (folder if which == "the folder" else root).chmod(mode)
    with pytest.raises(PermissionError, match="only this user may enter"):
        address.claim_folder(folder)


def test_a_link_in_the_place_of_the_folder_is_refused(root, tmp_path):
    root.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (root / "system").symlink_to(elsewhere)
    with pytest.raises(PermissionError):
        address.claim_folder(root / "system")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(root):
    folder = root / "system"
    folder.mkdir(mode=0o700, parents=True)
    root.chmod(0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(PermissionError):
        address.claim_folder(folder)


def test_a_path_too_long_for_sockets_is_refused_and_nothing_is_made(root):
    folder = root / ("x" * (address.PATH_BYTES_MAX - len(str(root))))
    with pytest.raises(OSError, match="too long"):
        address.claim_folder(folder)
    assert not root.exists()


def test_the_folder_goes_with_its_last_user(root):
    first, second = address.claim_folder(root / "system"), address.claim_folder(root / "system")
    os.close(first)
    assert not address.remove_folder(root / "system")
    os.close(second)
    assert address.remove_folder(root / "system")
    assert not (root / "system").exists()
    assert address.remove_folder(root / "system")  # gone already


def test_whoever_was_about_to_remove_a_folder_spares_the_system_that_claimed_it_meanwhile(root, monkeypatch):
    folder = root / "system"
    os.close(address.claim_folder(folder))
    claimed = []

    def opened_then_late(descriptor, how):  # another remover and a new system were faster
        monkeypatch.undo()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(root.parent))
        assert address.remove_folder(folder)
        claimed.append(address.claim_folder(folder))
        (folder / "socket").touch()
        address.fcntl.flock(descriptor, how)

    real = address.fcntl
    monkeypatch.setattr(
        address,
        "fcntl",
        type(
            "late",
            (),
            {"flock": staticmethod(opened_then_late), "LOCK_EX": real.LOCK_EX, "LOCK_NB": real.LOCK_NB},
        ),
    )
    assert not address.remove_folder(folder)
    assert (folder / "socket").exists()
    os.close(*claimed)


def test_a_folder_that_is_claimed_while_it_is_removed_keeps_what_its_new_system_made(root):
    """Two processes in turns of a moment each: the folder of whoever holds it is never taken away."""
    folder = root / "system"
    remover = subprocess.Popen([sys.executable, "-c", REMOVER, str(folder)], stdin=subprocess.PIPE)
    try:
        for number in range(2000):
            descriptor = address.claim_folder(folder)
            own = folder / f"{number}-socket"
            own.touch()
            assert os.path.samestat(os.fstat(descriptor), (folder / "lock").stat())
            assert own.exists()
            os.close(descriptor)
    finally:
        remover.communicate()
    assert remover.returncode == 0


def test_a_sweep_removes_the_folders_of_the_dead_and_of_nobody_else(root, holder):
    living, dead, stopped = root / "living", root / "dead", root / "stopped"
    holder(living)
    corpse, frozen = holder(dead), holder(stopped)
    frozen.send_signal(signal.SIGSTOP)
    corpse.kill()
    corpse.wait()
    (root / "empty").mkdir()
    (root / "a file").touch()
    assert address.sweep() == [dead, root / "empty"]
    assert sorted(path.name for path in root.iterdir()) == ["a file", "living", "stopped"]
    assert (living / "1-socket").exists()
    assert (stopped / "1-socket").exists()


def test_a_sweep_follows_no_link(root, tmp_path):
    root.mkdir(mode=0o700)
    os.close(address.claim_folder(tmp_path / "run" / "other"))
    (tmp_path / "run" / "other" / "1-socket").touch()
    (root / "link").symlink_to(tmp_path / "run" / "other")
    assert address.sweep() == []
    assert (tmp_path / "run" / "other" / "1-socket").exists()


def test_a_sweep_leaves_a_root_alone_that_is_not_ours_only(root):
    os.close(address.claim_folder(root / "system"))
    root.chmod(0o777)
    assert address.sweep() == []
    assert (root / "system").exists()


def test_a_sweep_of_nothing_finds_nothing(root):
    assert address.sweep() == []


def test_an_address_travels_and_is_equal_afterwards():
    first = address.address_at("/run/user/1/openoutcry/run/1-aa")
    for copied in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
        assert copied == first
        assert hash(copied.addressDetails) == hash(first.addressDetails)
    assert first != address.address_at("/run/user/1/openoutcry/run/1-ab")
    assert str(first.addressDetails) == "(U|1-aa)"


def test_two_addresses_of_one_folder_are_of_one_system():
    first, second, other = (address.address_at(path).addressDetails for path in ("/a/x", "/a/y", "/b/x"))
    assert first.isSameSystem(second)
    assert not first.isSameSystem(other)
    assert not first.isSameSystem("something else")


def test_an_address_of_another_base_has_no_socket():
    with pytest.raises(TypeError, match="no address of this host"):
        address.path_of(thespian.ActorAddress("(T|:1900)"))


@pytest.mark.parametrize(
    ("capabilities", "ending"),
    [
        ({address.SOCKET_DIR: "/somewhere/run"}, "/somewhere/run/admin"),
        ({address.ADMIN_PORT: 1234}, "/openoutcry/port-1234/admin"),
        ({}, "/openoutcry/port-1900/admin"),
    ],
)
def test_the_capabilities_name_the_system(root, capabilities, ending):
    assert address.admin_path(capabilities).endswith(ending)


def test_without_a_runtime_folder_the_root_is_in_the_temporary_one_and_carries_the_user(monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert address.socket_root().name == f"openoutcry-{os.getuid()}"


def test_no_two_sockets_have_one_path():
    assert len({address.new_path(Path("/a")) for _ in range(1000)}) == 1000
