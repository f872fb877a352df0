"""Debian's Prometheus, without installing it, and a server of it that scrapes what a test gives it."""

import contextlib
import json
import math
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CACHE = Path.home() / ".cache" / "openoutcry-test" / "prometheus"
TOOLS = ("promtool", "prometheus")
APT_TIMEOUT_S = 70
START_TIMEOUT_S = 30
POLL_S = 0.1


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def prometheus_tools():
    """Where promtool and prometheus are: on the path, in our cache, or fetched into it with apt-get."""
    if all(map(shutil.which, TOOLS)):
        return {tool: shutil.which(tool) for tool in TOOLS}
    folder = CACHE / "root" / "usr" / "bin"
    if not all((folder / tool).is_file() for tool in TOOLS):
        try:
            _fetch()
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"Prometheus is neither installed nor could it be fetched with apt-get ({error})")
    return {tool: str(folder / tool) for tool in TOOLS}


def _fetch():
    CACHE.mkdir(parents=True, exist_ok=True)
    for package in CACHE.glob("*.deb"):
        package.unlink()
    # Lists of our own, as the system's may be missing; and nothing of the system is changed.
    private = ["-o", f"Dir::State={CACHE}/apt/state", "-o", f"Dir::Cache={CACHE}/apt/cache"]
    for part in ("state/lists/partial", "cache/archives/partial"):
        (CACHE / "apt" / part).mkdir(parents=True, exist_ok=True)
    try:
        _run("apt-get", "download", "prometheus")
    except subprocess.SubprocessError:
        _run("apt-get", *private, "update")
        _run("apt-get", *private, "download", "prometheus")
    (package,) = CACHE.glob("prometheus_*.deb")
    _run("dpkg", "-x", str(package), str(CACHE / "root"))


def _run(*command):
    subprocess.run(command, cwd=CACHE, check=True, capture_output=True, timeout=APT_TIMEOUT_S)


@pytest.fixture(scope="session")
def promtool(prometheus_tools) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments, **options):
        return subprocess.run(
            [prometheus_tools["promtool"], *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    return run


class PrometheusServer:
    """A running Prometheus, and its HTTP API."""

    def __init__(self, url):
        self.url = url

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=10) as reply:
            answer = json.load(reply)
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expression, start_s, end_s):
        """Every finite value that the expression had."""
        data = self.get("/api/v1/query_range", query=expression, start=start_s, end=end_s, step=1)
        found = [float(value) for series in data["result"] for _, value in series["values"]]
        return [value for value in found if math.isfinite(value)]

    def rules(self):
        return [rule for group in self.get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def wait_until(self, expression, what, timeout_s=START_TIMEOUT_S):
        """Wait until an expression yields something."""
        wait_until(lambda: self.get("/api/v1/query", query=expression)["result"], what, timeout_s)


def wait_until(condition, what, timeout_s=START_TIMEOUT_S):
    """What a condition yields once it is true; processes of others give no signal to wait for."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if result := condition():
                return result
        time.sleep(POLL_S)
    raise AssertionError(f"{what} did not come to pass in {timeout_s} s")


@pytest.fixture
def eventually():
    return wait_until


@pytest.fixture
def scrape(prometheus_tools, tmp_path) -> Iterator[Callable[[str], PrometheusServer]]:
    """Start our Prometheus configuration on a target of the test's, scraped every second."""
    with contextlib.ExitStack() as stack:

        def start(target):
            config = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
            for name in ("scrape_interval: 5s", "evaluation_interval: 5s", "scrape_timeout: 4s"):
                assert name in config
                config = config.replace(name, f"{name.split(':')[0]}: 1s")
            assert config.count("127.0.0.1:9108") == 1
            config = config.replace("127.0.0.1:9108", target)
            config = config.replace("rules/*.yml", str(ROOT / "deploy/prometheus/rules/*.yml"))
            path = tmp_path / "prometheus.yml"
            path.write_text(config)
            url = f"127.0.0.1:{_free_port()}"
            command = [
                prometheus_tools["prometheus"],
                f"--config.file={path}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address={url}",
                "--log.level=warn",
            ]
            log = stack.enter_context((tmp_path / "prometheus.log").open("w"))
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "GOMAXPROCS": "1"})
            stack.callback(_end, process)
            server = PrometheusServer(f"http://{url}")
            wait_until(lambda: server.get("/api/v1/status/buildinfo"), "Prometheus' start")
            return server

        yield start


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
