"""Which of Thespian's tests judge a base of one host: all but those that join systems to each other."""

import inspect
import re

import pytest

_TESTS = "thespian/test/test_"

# Tests by the beginning of their id, and why they stay out. They are the stock TCP base's business.
EXCLUDED = {
    f"{_TESTS}HAConvention.py::TestFuncHAConvention::": "four systems, three of them leaders of a convention",
    f"{_TESTS}manyActorSystems.py::TestFuncManyActorSystem::": "five systems in a convention",
    f"{_TESTS}manyActorSystems.py::TestFuncConventionWatcher::": "systems join a convention while watched",
    f"{_TESTS}manyActorSystems.py::TestFuncConventionDeregistration::": "systems leave a convention",
    f"{_TESTS}multipleActorSystems.py::TestFuncMultiProcessSystem::": "two systems in a convention",
    f"{_TESTS}sourceLoading.py::TestFuncMultipleSystemsLoadSource::": "two systems share code",
    f"{_TESTS}updateSystemCapabilities.py::TestFuncCapabilityUpdates::": "three systems in a convention",
    f"{_TESTS}preRegistration.py::TestFuncRegistration::test_": "one system registers another by its address",
}
JOINS = re.compile(r"in_convention=(?!False)|'Convention Address|\(\"Register\",")


def exclusion(test_id):
    """Why a test stays out, or None."""
    return next((why for beginning, why in EXCLUDED.items() if test_id.startswith(beginning)), None)


def joins_systems(item):
    """Whether a test, or one of their fixtures that it uses, joins systems; read in its source."""
    fixtures = (definitions[-1].func for definitions in item._fixtureinfo.name2fixturedefs.values())
    theirs = [function for function in fixtures if function.__module__.startswith("thespian.test")]
    return any(JOINS.search(inspect.getsource(function)) for function in (item.function, *theirs))


def select(items):
    """The tests that need a system and stay on one host; an error if the table and the sources disagree."""
    if wrong := [
        item.nodeid for item in items if joins_systems(item) != (exclusion(item.nodeid) is not None)
    ]:
        raise pytest.UsageError(
            "one_host.EXCLUDED leaves out a test that joins no systems, or keeps one that does; "
            f"correct the table: {wrong}"
        )
    return [item for item in items if "asys" in item.fixturenames and exclusion(item.nodeid) is None]
