"""Two hosts, as two network namespaces and a link: actors are placed, the link is cut and heals."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from demo_process import Demo, decisions, order_records

from openoutcry.domain.units import NS_PER_S

ACTORS = Path(__file__).parents[1] / "actors"
LEADER, MEMBER = "10.66.0.1", "10.66.0.2"
CLONE_NEWNET = 0x40000000  # of setns(2)
CHILD_SENT = "ChildIntended"  # what the order journal calls it
NOWHERE = "02:00:00:00:00:99"  # a frame to it arrives and is ignored: the link is silent, nobody is told
MORE_THAN_THESPIAN_LETS_WAIT = 40
PATIENCE_S = 90.0
INTERVAL_S = 0.1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True, timeout=30)


@pytest.fixture(scope="module")
def _namespaces_are_permitted():
    if shutil.which("ip") is None:
        pytest.skip("the command `ip` is not installed")
    name = f"oo{os.getpid()}"
    made = ip("netns", "add", name, check=False)
    ip("netns", "del", name, check=False)
    if made.returncode:
        pytest.skip(f"a network namespace cannot be made here: {made.stderr.strip()}")


class Link:
    """Two namespaces and the wire between them."""

    def __init__(self):
        self.names = {address: f"oo{os.getpid()}-{address[-1]}" for address in (LEADER, MEMBER)}
        self.devices = {address: f"v{os.getpid()}-{address[-1]}" for address in (LEADER, MEMBER)}

    def make(self):
        for name in self.names.values():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        one, other = self.devices.values()
        ip("-n", self.names[LEADER], "link", "add", one, "type", "veth", "peer", other)
        ip("-n", self.names[LEADER], "link", "set", other, "netns", self.names[MEMBER])
        for address, device in self.devices.items():
            ip("-n", self.names[address], "addr", "add", f"{address}/24", "dev", device)
            ip("-n", self.names[address], "link", "set", device, "up")

    def fall_silent(self, *hosts):
        """What these hosts say arrives nowhere; they may still hear."""
        self._neighbour(hosts, "replace", "lladdr", NOWHERE, "nud", "permanent")

    def speak(self, *hosts):
        self._neighbour(hosts, "del")

    def _neighbour(self, hosts, command, *arguments):
        for here in hosts:
            there = MEMBER if here == LEADER else LEADER
            ip("-n", self.names[here], "neigh", command, there, *arguments, "dev", self.devices[here])

    def set(self, state):
        ip("-n", self.names[MEMBER], "link", "set", self.devices[MEMBER], state)

    def remove(self):
        for name in self.names.values():
            for pid in ip("netns", "pids", name, check=False).stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            ip("netns", "del", name, check=False)

    def inside(self, address, act):
        """Do something in a namespace: on a thread that stays there, and whose processes are born there."""

        def enter():
            with self.network(address).open() as there:
                if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            return act()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(enter).result()

    def network(self, address):
        return Path(f"/run/netns/{self.names[address]}")

    def processes(self):
        return [ip("netns", "pids", name).stdout.split() for name in self.names.values()]


class Hosts:
    """The trading host and the one that joins it."""

    def __init__(self, link, folder):
        self.link, self._folder, self._site = link, folder, folder / "site"
        self.states = []  # what the member said of itself, one JSON object a line
        self._processes = []
        self._leader = None

    def install(self, plugin):
        """Install a strategy on both hosts."""
        information = self._site / "slow_to_speak-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-to-speak\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text("[openoutcry]\nslow_to_speak = slow_to_speak\n")
        (self._site / "slow_to_speak.py").write_text(plugin)

    def sign(self, name):
        """A file by which the test and the strategy understand each other."""
        return self._folder / name

    def trade(self, *arguments, strategy="moving-average-cross"):
        """The whole system on the trading host; its strategy on the other one."""
        placed = f'[transport.placement]\nstrategy = "beta"\n[strategy]\nname = "{strategy}"\n'
        config = self._settings(LEADER, placed)
        return self.link.inside(
            LEADER,
            lambda: TradingHost(
                self.link,
                self._folder / "trading",
                *arguments,
                "--config",
                config,
                command=("run", "--paper"),
                environment=self._environment(LEADER),
            ),
        )

    def lead(self):
        program = [sys.executable, str(ACTORS / "two_hosts_leader.py"), self._settings(LEADER)]
        self._leader = self._start(LEADER, program, stdin=subprocess.PIPE)
        assert json.loads(self._leader.stdout.readline()) == "ready"
        self.tell("watch")

    def join(self, missed_max):
        program = [sys.executable, "-m", "openoutcry.cli", "join", "--host", "beta", "--json"]
        settings = self._settings(MEMBER, f"missed_registrations_max = {missed_max}\n")
        options = ["--config", settings, "--state-dir", str(self._folder / "state")]
        self.member = self._start(MEMBER, [*program, *options])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.member.stdout:
            self.states.append(json.loads(line))

    def _settings(self, address, more=""):
        path = self._folder / f"{address}.toml"
        path.write_text(
            f'[transport]\nbase = "tcp"\nbind_address = "{address}"\ntrusted_network = "10.66.0.0/24"\n'
            f'convention_address = "{LEADER}:7800"\nregistration_period_s = 1\n{more}'
        )
        return str(path)

    def _environment(self, address):
        return {
            "PYTHONPATH": f"{ACTORS}:{self._site}",
            "SIGNS": str(self._folder),
            "THESPLOG_FILE": str(self._folder / f"{address}.log"),
        }

    def _start(self, address, program, **options):
        command = ["ip", "netns", "exec", self.link.names[address], *program]
        environment = os.environ | self._environment(address)
        errors = (self._folder / f"{address}.err").open("w")
        with errors:
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, **options
            )
        self._processes.append(process)
        return process

    def tell(self, *command):
        self._leader.stdin.write(json.dumps(command) + "\n")
        self._leader.stdin.flush()
        return json.loads(self._leader.stdout.readline())

    def notices(self, what):
        """What the actor on the trading host was told of the convention and of its children."""
        return [of for kind, of, _ in self.tell("look")["notices"] if kind == what]

    def seen_by(self, number):
        """What a distant actor has seen, asked for now."""
        before = len(self.tell("look")["answers"])
        self.tell("ask", number)
        return self.until(lambda: self.tell("look")["answers"][before:])[-1][1]

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(INTERVAL_S)
        raise AssertionError(f"not in {PATIENCE_S:.0f} s; the member said {self.states}")

    def end(self):
        """Both systems are asked to end; returns the processes that do not."""
        self.member.terminate()
        self.member.wait(30)
        if self._leader is not None:
            self._leader.stdin.close()
            self._leader.wait(30)
        self._reader.join(10)
        with contextlib.suppress(AssertionError):
            self.until(lambda: not any(self.link.processes()))
        return [pid for pids in self.link.processes() for pid in pids]

    def close(self):
        for process in self._processes:
            process.kill()
            process.wait(30)
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    stream and stream.close()


class TradingHost(Demo):
    """A run in the trading host's namespace, watched from there."""

    def __init__(self, link, *arguments, **options):
        super().__init__(*arguments, **options)
        self._link = link

    def status(self):
        return self._link.inside(LEADER, super().status)

    def wait_for_halt(self):
        def halted(status):
            detail = status.get("actors", {}).get("execution", {}).get("detail", {})
            return status if detail.get("halted") else None

        return self.wait_for(halted, "the halt")

    def wait_for_fill(self):
        return self.wait_for(
            lambda status: status if status.get("totals", {}).get("fills", 0) >= 1 else None, "a fill"
        )

    @property
    def run_dir(self):
        return self.state / "runs" / "latest"

    def children_sent(self):
        return [payload for kind, payload in order_records(self.run_dir) if kind == CHILD_SENT]

    def intents(self):
        return decisions(self.run_dir, "OrderIntent").keys()


@pytest.fixture
def hosts(_namespaces_are_permitted, tmp_path):
    link = Link()
    both = Hosts(link, tmp_path)
    try:
        link.make()
        yield both
    finally:
        link.remove()
        both.close()


def say(what, since_s):
    """For the reader of the test's output; nothing is asserted about it."""
    sys.stdout.write(f"{what} after {time.monotonic() - since_s:.1f} s\n")


def listening(namespace):
    shown = subprocess.run(
        ["ip", "netns", "exec", namespace, "cat", "/proc/net/tcp", "/proc/net/tcp6"],
        check=True, capture_output=True, text=True, timeout=30,
    ).stdout  # fmt: skip
    rows = [line.split() for line in shown.splitlines()]
    raw = [row[1].split(":")[0] for row in rows if len(row) > 3 and row[3] == "0A"]
    return {".".join(str(byte) for byte in reversed(bytes.fromhex(address))) for address in raw}


def test_an_actor_lives_on_the_host_that_is_named_and_nobody_listens_elsewhere(hosts):
    hosts.lead()
    assert hosts.tell("place", "beta") == 0
    hosts.until(lambda: hosts.notices("exited"))  # no such host has joined yet: it says so, at once
    hosts.join(missed_max=3)
    hosts.until(lambda: hosts.notices("joined") == ["beta"])
    assert hosts.tell("place", "beta") == 1
    seen = hosts.seen_by(1)
    assert seen["network"] == Path(f"/run/netns/{hosts.link.names[MEMBER]}").stat().st_ino
    assert listening(hosts.link.names[LEADER]) == {LEADER}
    assert listening(hosts.link.names[MEMBER]) == {MEMBER}
    os.kill(seen["pid"], signal.SIGKILL)
    hosts.until(lambda: 1 in hosts.notices("exited"))
    assert hosts.end() == []
    assert hosts.member.returncode == 0


def test_what_was_sent_into_a_partition_is_refused_when_it_arrives_late(hosts):
    hosts.lead()
    hosts.join(missed_max=10)  # the far side does not notice: it would end its actors
    hosts.until(lambda: hosts.notices("joined"))
    hosts.tell("place", "beta")
    hosts.tell("post", 0, 1, 60)
    pid = hosts.until(lambda: hosts.seen_by(0))["pid"]

    hosts.link.fall_silent(LEADER, MEMBER)
    cut_s = time.monotonic()
    hosts.tell("post", 0, 2, 1)
    hosts.tell("post", 0, 3, 0)
    for number in range(100, 100 + MORE_THAN_THESPIAN_LETS_WAIT):
        assert hosts.tell("post", 0, number, 1), "the sender is deaf, because one receiver cannot be reached"
    late_ns = time.time_ns() + NS_PER_S
    hosts.until(lambda: hosts.notices("lost") == ["beta"])
    say("noticed", cut_s)
    assert hosts.notices("exited") == []  # Thespian tells of the host only: whose actors were there?
    hosts.until(lambda: time.time_ns() > late_ns)

    hosts.link.speak(LEADER, MEMBER)
    healed_s = time.monotonic()
    hosts.until(lambda: hosts.notices("joined") == ["beta", "beta"])
    say("back", healed_s)
    hosts.tell("post", 0, 4, 60)
    hosts.until(lambda: 4 in hosts.seen_by(0)["obeyed"])
    seen = hosts.seen_by(0)
    assert seen["pid"] == pid  # the same actor, at the same address
    assert seen["obeyed"] == [1, 3, 4]
    assert seen["refused"] == [2, *range(100, 100 + MORE_THAN_THESPIAN_LETS_WAIT)]
    assert hosts.end() == []


def test_a_host_that_lost_the_trading_host_ends_its_actors_and_takes_new_ones_when_it_is_back(hosts):
    hosts.lead()
    hosts.join(missed_max=3)
    hosts.until(lambda: hosts.notices("joined"))
    hosts.tell("place", "beta")
    first = hosts.seen_by(0)["pid"]
    hosts.until(lambda: {"is_joined": True, "actors": 1} in hosts.states)

    hosts.link.set("down")
    cut_s = time.monotonic()
    hosts.until(lambda: {"is_joined": False, "actors": 0} in hosts.states)
    say("its actors were ended", cut_s)
    hosts.until(lambda: not Path(f"/proc/{first}").exists())

    hosts.link.set("up")
    hosts.until(lambda: hosts.states[-1]["is_joined"])
    hosts.until(lambda: len(hosts.notices("joined")) > 1)
    assert hosts.tell("place", "beta") == 1
    assert hosts.seen_by(1)["pid"] != first
    assert hosts.end() == []


# It changes its mind at each candle. Once, when asked to, it thinks until it is told to speak.
SLOW_TO_SPEAK = """
import os, pathlib, time
from openoutcry.plugins.hooks import hookimpl
from openoutcry.strategies.strategy import Strategy

SIGNS = pathlib.Path(os.environ["SIGNS"])
CANDLE_NS = 5_000_000_000


class SlowToSpeak(Strategy, frozen=True):
    def observe(self, market):
        thinking = SIGNS / "thinking"
        if (SIGNS / "think").exists() and not thinking.exists():
            candle = SIGNS / "candle"
            candle.write_text(f"candle:{market.symbol}:5s:{market.now_ns}")
            candle.rename(thinking)
            while not (SIGNS / "speak").exists():
                time.sleep(0.01)
        return self.hold(market.now_ns // CANDLE_NS % 2, "it is time for something else")


@hookimpl
def openoutcry_strategies():
    return {"slow-to-speak": SlowToSpeak}
"""
LOST = "host beta is lost, and with it strategy"
MARKET = ("--synthetic", "--speed", "10", "--duration", "2000", "--seed", "2")


def test_a_strategy_elsewhere_trades_until_the_link_is_cut_and_nothing_stale_is_obeyed_after_it_heals(hosts):
    hosts.install(SLOW_TO_SPEAK)
    hosts.join(missed_max=10)  # the far side does not notice: the strategy lives on, and speaks again
    with hosts.trade(*MARKET, strategy="slow-to-speak") as trading:
        first = trading.wait_for_fill()["actors"]["strategy"]
        network = Path(f"/proc/{first['pid']}/ns/net")
        assert network.stat().st_ino == hosts.link.network(MEMBER).stat().st_ino
        assert first["restarts"] == 0

        hosts.sign("think").touch()
        thinking = hosts.sign("thinking")
        hosts.until(thinking.exists)
        hosts.link.fall_silent(LEADER, MEMBER)
        cut_s = time.monotonic()
        trading.wait_for_halt()
        say("halted", cut_s)
        trading.wait_for(is_gone, "word that the strategy is gone")
        assert network.exists()  # it is out of reach, and alive
        sent, heard = trading.children_sent(), trading.intents()

        hosts.sign("speak").touch()
        hosts.link.speak(LEADER, MEMBER)
        healed_s = time.monotonic()
        second = trading.wait_for(running_again(first["pid"]), "the strategy")["actors"]["strategy"]
        say("back", healed_s)
        assert second["restarts"] > 0
        assert Path(f"/proc/{second['pid']}/ns/net").stat().st_ino == hosts.link.network(MEMBER).stat().st_ino
        hosts.until(lambda: not network.exists())  # the earlier life was told to end, and heard it
        for role in ("risk", "memory"):
            trading.wait_for(lambda status, role=role: duplicates(status, role), "its late intent")
        hosts.until(lambda: trading.intents() - heard)  # of the new life
        assert f"intent:slow-to-speak:{thinking.read_text()}" not in trading.intents()

        os.kill(trading.process.pid, signal.SIGTERM)
        code, summary, err = trading.finish()
    assert code == 1, err
    (problem,) = summary["problems"]
    assert "the halt is armed: " in problem
    assert {"beta", "strategy"} <= set(problem.replace(",", "").split())
    assert (summary["late"], summary["unreconciled"], summary["venue_open_orders"]) == ([], 0, 0)
    assert summary["restarts"].keys() == {"strategy"}
    assert trading.children_sent() == sent
    assert hosts.end() == []


def test_a_system_whose_other_host_is_lost_stops_in_order_without_it(hosts):
    hosts.join(missed_max=3)
    with hosts.trade(*MARKET) as trading:
        trading.wait_for_fill()
        hosts.link.set("down")
        trading.wait_for_halt()
        os.kill(trading.process.pid, signal.SIGTERM)
        code, summary, err = trading.finish()
        assert code == 1, err
        assert LOST in summary["halt"]
        assert (summary["late"], summary["unreconciled"], summary["venue_open_orders"]) == (
            ["strategy"],
            0,
            0,
        )
        assert trading.left_behind() == []
    assert hosts.end() == []


def duplicates(status, role):
    return status.get("actors", {}).get(role, {}).get("counters", {}).get("actor_duplicates", 0)


def is_gone(status):
    actor = status.get("actors", {}).get("strategy", {})
    return (actor.get("state"), actor.get("pid"), actor.get("restarts")) == ("failed", 0, 1)


def running_again(before):
    """Whether the strategy runs in another process."""

    def check(status):
        actor = status.get("actors", {}).get("strategy", {})
        return status if actor.get("pid") not in (None, 0, before) and actor["state"] == "running" else None

    return check
