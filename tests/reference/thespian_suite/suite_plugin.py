"""A pytest plugin: Thespian's own tests on one system base, chosen by --system-base, without editing them."""

import importlib
import json
from pathlib import Path

import one_host
import pytest
import thespian.test as suite
from suite_run import OUR_BASE
from thespian.actors import ActorSystem

OUR_MODULE = "openoutcry.actors.transport.unix"  # importing it registers the base by its name
TEST_CAPABILITIES = {"Foo Allowed": True, "Cows Allowed": True, "Dogs Allowed": True, "dog": "food"}


def pytest_addoption(parser):
    parser.addoption("--system-base", required=True, help="the base under test, as ActorSystem names it")
    parser.addoption("--outcomes", type=Path, help="a file for the outcomes, one JSON object a line")


def pytest_configure(config):
    if config.getoption("system_base") == OUR_BASE:
        importlib.import_module(OUR_MODULE)
    # Their modules import both names from here when they are collected, which is later.
    suite.asys = asys
    suite.similar_asys = similar_asys
    if path := config.getoption("outcomes"):
        config.pluginmanager.register(Outcomes(path))


@pytest.hookimpl(tryfirst=True)  # -k comes after, so that it cannot hide a wrong exclusion
def pytest_collection_modifyitems(config, items):
    judged = one_host.select(items)
    config.hook.pytest_deselected(items=[item for item in items if item not in judged])
    items[:] = judged


def start(base, capabilities):
    system = ActorSystem(
        systemBase=base,
        capabilities=capabilities,
        logDefs=suite.simpleActorTestLogging(),
        transientUnique=True,
    )
    system.base_name = base
    system.port_num = capabilities["Admin Port"]
    system.txonly = False
    return system


@pytest.fixture
def asys(request):
    """Their fixture of this name, with one base in place of six."""
    base = request.config.getoption("system_base")
    port = suite.get_free_admin_port()
    capabilities = TEST_CAPABILITIES | {"Admin Port": port}
    if base != OUR_BASE:
        capabilities["Convention Address.IPv4"] = ("", port)  # theirs: the leader of an empty convention
    system = start(base, capabilities)
    yield system
    system.shutdown()


def similar_asys(asys, in_convention=True, start_wait=True, capabilities=None):  # noqa: FBT002  as theirs
    """Their function of this name, for the tests that stay: a second system that joins nothing."""
    assert not in_convention, "a test of a convention should have been left out"
    del start_wait  # theirs waits for the convention only
    return start(asys.base_name, (capabilities or {}) | {"Admin Port": suite.get_free_admin_port()})


class Outcomes:
    """Writes the ids of all tests to run, then each outcome as soon as it is known."""

    def __init__(self, path):
        self._file = path.open("w", encoding="utf-8")
        self._phases = []

    def _write(self, row):
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def pytest_collection_finish(self, session):
        self._write({"collected": [item.nodeid for item in session.items]})

    def pytest_runtest_logreport(self, report):
        self._phases.append(report)
        if report.when == "teardown":
            phases, self._phases = self._phases, []
            worst = next((phase for phase in phases if not phase.passed), report)
            why = "" if worst.passed else f"{worst.when}: {worst.longreprtext}"
            row = {"test": report.nodeid, "outcome": worst.outcome, "why": why}
            self._write(row | {"ended_s": report.stop})

    def pytest_unconfigure(self):
        self._file.close()
