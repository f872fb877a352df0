"""`--help` answers without loading what only a command's work needs."""

import json
import subprocess
import sys

import pytest

from openoutcry.cli.entry import COMMANDS

HEAVY = (
    *("ccxt", "numpy", "talib", "rich", "thespian", "aiohttp", "structlog", "prometheus_client", "keyring"),
    *("asyncio", "psutil", "msgspec", "openoutcry._core"),
)
CALL = """
import json, sys
from openoutcry.cli.entry import run
code = run(sys.argv[1:])
print(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def call(*arguments):
    """Run a command line in a new interpreter; returns its output, its exit code and the modules loaded."""
    result = subprocess.run(
        [sys.executable, "-c", CALL, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    *lines, last = result.stdout.splitlines()
    answer = json.loads(last)
    return "\n".join(lines), answer["code"], answer["modules"]


def assert_light(modules):
    assert not [name for name in HEAVY if name in modules]


def test_help_lists_every_command_and_loads_none():
    output, code, modules = call("--help")
    assert code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in output
    assert_light(modules)
    assert not [
        name for name in modules if name.startswith("openoutcry.cli.") and name.endswith(tuple(COMMANDS))
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        *((name,) for name in COMMANDS),
        ("config", "check"),
        ("config", "show"),
        ("data", "check"),
        ("data", "fetch"),
        ("bench", "actors"),
        ("new", "strategy"),
    ],
    ids=" ".join,
)
def test_the_help_of_each_command_is_light(arguments):
    output, code, modules = call(*arguments, "--help")
    assert code == 0
    assert f"Usage: openoutcry {' '.join(arguments)}" in output
    assert_light(modules)


def test_every_command_takes_json():
    for name in COMMANDS:
        if name not in ("config", "data", "bench", "new"):
            assert "--json" in call(name, "--help")[0], name
