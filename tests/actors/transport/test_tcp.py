import json
import os
import pickle
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import thespian.actors as thespian
from thespian.system.transport.IPBase import TCPv4ActorAddress
from thespian.system.transport.streamBuffer import toSendBuffer

from openoutcry.actors.ports import free_port
from openoutcry.actors.transport.tcp import (
    HOST_CAPABILITY,
    LOOPBACK_HOST,
    SYSTEM_BASE,
    ConfinedTransport,
    confine,
    convention_capabilities,
)
from openoutcry.assembly.transport_settings import TransportSettings

PROGRAM = Path(__file__).parent / "tcp_process.py"
UNCHECKED_BASE = "multiprocUncheckedTCPBase"  # of that program
STRANGER = "127.0.0.2"  # every address of 127/8 is this host's own, but one alone is trusted
PATIENCE_S = 30.0
INTERVAL_S = 0.05


class Marker:
    """Whoever reads its pickle makes a folder: harmless, but any call could stand there."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class System:
    """An actor system with one actor, as a process."""

    def __init__(self, base, folder, port=0):
        self.port = port or free_port(LOOPBACK_HOST)
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), base, str(self.port)],
            env={**os.environ, "THESPLOG_FILE": str(folder / "thespian.log")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self):
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def ask(self, question):
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        return self.answer()

    def receives(self, payload, source):
        """Send a well-formed frame to the administrator's port from an address of this host."""
        sender = thespian.ActorAddress(TCPv4ActorAddress(LOOPBACK_HOST, 9))
        connection = socket.socket()
        connection.settimeout(PATIENCE_S)
        connection.bind((source, 0))
        connection.connect((LOOPBACK_HOST, self.port))
        connection.sendall(toSendBuffer((sender, payload), pickle.dumps))
        return connection


@pytest.fixture
def start(tmp_path):
    running = []

    def make(base=SYSTEM_BASE, port=0):
        running.append(System(base, tmp_path, port))
        return running[-1]

    yield make
    for each in running:
        each.process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def _environment():
    before = dict(os.environ)
    yield
    confine(TransportSettings())
    os.environ.clear()
    os.environ.update(before)


def was_closed_unread(connection):
    """An orderly end, or a reset: what was sent had not been read."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_connection_from_outside_of_the_trusted_network_is_closed_unread(start, tmp_path):
    system = start()
    system.answer()
    with system.receives(Marker(tmp_path / "marker"), STRANGER) as connection:
        assert was_closed_unread(connection)
    assert system.ask("refused") == 1
    assert not (tmp_path / "marker").exists()
    assert STRANGER in (tmp_path / "thespian.log").read_text()
    assert system.ask("still here")[0] == "still here"


@pytest.mark.parametrize(("base", "source"), [(UNCHECKED_BASE, STRANGER), (SYSTEM_BASE, LOOPBACK_HOST)])
def test_that_check_alone_keeps_a_pickle_from_being_obeyed(start, tmp_path, base, source):
    system = start(base)
    system.answer()
    marker = tmp_path / "marker"
    with system.receives(Marker(marker), source):
        deadline = time.monotonic() + PATIENCE_S
        while not marker.exists() and time.monotonic() < deadline:
            time.sleep(INTERVAL_S)
    assert marker.is_dir()


def test_every_process_listens_on_the_one_address(start):
    system = start()
    _, pid = system.answer()
    administrator = psutil.Process(pid).parent()
    ours = [administrator, *administrator.children(), psutil.Process(system.process.pid)]
    listening = [
        connection.laddr.ip
        for process in ours
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 4  # the administrator, its logger, the actor, and the process that started them
    assert set(listening) == {LOOPBACK_HOST}


def test_whoever_listens_on_the_port_already_is_not_taken_for_our_own_system(start):
    with socket.socket() as other:
        other.bind((LOOPBACK_HOST, 0))
        other.listen()
        system = start(port=other.getsockname()[1])
        assert system.process.wait(PATIENCE_S) != 0
    assert "another process listens at ('127.0.0.1'" in system.process.stderr.read()


@pytest.mark.usefixtures("_environment")
def test_settings_become_what_other_processes_inherit():
    member = TransportSettings(
        base="tcp",
        bind_address="10.66.0.2",
        trusted_network="10.66.0.0/24",
        convention_address="10.66.0.1:7800",
        registration_period_s=5,
        missed_registrations_max=4,
    )
    confine(member)
    assert os.environ["THESPIAN_BASE_IPADDR"] == "10.66.0.2"
    assert os.environ["CONVENTION_REREGISTRATION_PERIOD"] == "0:05"
    assert os.environ["CONVENTION_REGISTRATION_MISS_MAX"] == "4"
    admin = ConfinedTransport.getAdminAddr({"Admin Port": 7800}).addressDetails
    assert admin.bindArgs == (("10.66.0.2", 7800),)
    assert convention_capabilities(member, "beta") == {
        "Convention Address.IPv4": "10.66.0.1:7800",
        "Admin Port": 7800,
        HOST_CAPABILITY: "beta",
    }
    assert convention_capabilities(TransportSettings()) == {}
