"""Who can reach an actor: nobody from the network, and no other user."""

import contextlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import thespian.actors as thespian
from staging import OURS, STOCK, eventually, require, trap
from thespian.system.transport.IPBase import TCPv4ActorAddress
from thespian.system.transport.streamBuffer import toSendBuffer

from openoutcry.actors.transport import codec
from openoutcry.actors.transport.tcp import LOOPBACK_HOST

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")

# What another user's process does: connect, send what it is given, and wait for the other end to close.
INTRUDER = """
import os, socket, sys
os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
address = {address!r}
with socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX) as connection:
    connection.settimeout({within_s})
    try:
        connection.connect(address)
    except PermissionError:
        sys.exit(3)
    try:
        connection.sendall(sys.stdin.buffer.read())
        while connection.recv(4096):
            pass
    except (ConnectionError, TimeoutError):
        pass
"""
NO_ENTRY = 3


class Marker:
    """Whoever reads its pickle makes a folder: harmless, but any call could stand there."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def intrude(address, data, within_s):
    script = INTRUDER.format(nobody=NOBODY, address=address, within_s=within_s)
    return subprocess.run(
        [sys.executable, "-c", script], input=data, timeout=60, check=False
    ).returncode  # fmt: skip


def place_of(staged, actor):
    """The socket of an actor: where it is, and a frame for it that makes a folder."""
    marker = staged.folder / "marker"
    pid = staged.must(actor, "pid")
    if staged.base == OURS:
        (place,) = staged.sockets.glob(f"{pid}-*")
        body = pickle.dumps(Marker(marker))
        frame = codec.hello(str(place)) + codec.HEADER.pack(len(body), codec.PICKLE) + body
        return str(place), frame, marker
    (listening,) = [each for each in psutil.Process(pid).net_connections("inet") if each.status == "LISTEN"]
    sender = thespian.ActorAddress(TCPv4ActorAddress(LOOPBACK_HOST, 9))
    return tuple(listening.laddr), toSendBuffer((sender, Marker(marker)), pickle.dumps), marker


@trap(
    "each process of Thespian's TCP listens, and unpickles what comes",
    naive=(STOCK, "cast.Naive"),
    ours=(OURS, "cast.Naive"),
)
def test_no_process_of_the_system_has_a_socket_of_the_network(start, side):
    staged = start(side.base)
    actor = staged.create(side.actor)
    staged.must(actor, "ping")
    require(lambda: len(staged.pids()) == 3, "an admin, a logger and an actor to be all that is left")
    processes = [psutil.Process(pid) for pid in staged.pids()]
    assert [each for process in processes for each in process.net_connections("inet")] == []


@needs_root
@trap(
    "any user of the host may connect to an actor's port",
    naive=(STOCK, "cast.Naive"),
    ours=(OURS, "cast.Naive"),
)
def test_another_user_cannot_reach_an_actor(start, side):
    staged = start(side.base)
    place, _, _ = place_of(staged, staged.create(side.actor))
    assert intrude(place, b"", side.patience_s) == NO_ENTRY


def test_only_its_owner_may_enter_the_folder_of_the_sockets(start):
    staged = start(OURS)
    assert staged.sockets.stat().st_mode & 0o777 == 0o700


@needs_root
@trap(
    "what anybody sends to an actor's port is unpickled",
    naive=(STOCK, "cast.Naive"),
    ours=(OURS, "cast.Naive"),
)
def test_what_another_user_sends_is_not_read_even_where_the_folder_is_open(start, side):
    staged = start(side.base)
    actor = staged.create(side.actor)
    place, frame, marker = place_of(staged, actor)
    with opened(staged):
        entered = intrude(place, frame, side.patience_s)
    if entered != 0:
        raise RuntimeError("the other user could not even connect")
    assert not marker.exists()
    assert staged.must(actor, "ping") == "pong"


@pytest.mark.parametrize("side", [pytest.param(OURS, id="ours")])
def test_the_credentials_are_what_keeps_it_from_being_read(start, side):
    """The same frame, of our own user."""
    staged = start(side)
    place, frame, marker = place_of(staged, staged.create("cast.Naive"))
    own = INTRUDER.replace("os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})", "")
    with subprocess.Popen([sys.executable, "-c", own.format(address=place, within_s=5)], stdin=-1) as process:
        process.stdin.write(frame)
        process.stdin.close()
        assert eventually(marker.is_dir)
        process.kill()


@contextlib.contextmanager
def opened(staged):
    """Somebody has opened the folder of the sockets for all."""
    if staged.base != OURS:
        yield
        return
    for path in (staged.sockets, *staged.sockets.iterdir()):
        Path(path).chmod(0o777)
    try:
        yield
    finally:
        staged.sockets.chmod(0o700)
