import configparser
import re
import shutil
import subprocess
import sys

import pytest

from openoutcry.actors.system import STOP_TIMEOUT_S
from openoutcry.domain import errors

MAX_EXPOSURE = 20  # in tenths of systemd's figure, of which 10.0 is the worst

systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def unit(root):
    return (root / "deploy/systemd/openoutcry.service").read_text()


@pytest.fixture(params=["openoutcry.service", "openoutcry-exchange.service"])
def installed(request, root, tmp_path):
    """A unit as it would be found on a host, with a program that exists here."""
    for path in (root / "deploy/systemd").iterdir():
        text = path.read_text().replace("/opt/openoutcry/.venv/bin/openoutcry ", f"{sys.executable} ")
        (tmp_path / path.name).write_text(text)
    return tmp_path / request.param


def _analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


@systemd
def test_the_unit_has_no_error_and_no_warning(installed):
    result = _analyze("verify", installed)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@systemd
def test_the_check_would_notice_a_misspelt_setting(installed):
    installed.write_text(installed.read_text().replace("ProtectSystem", "ProtectSytem"))
    assert "ProtectSytem" in _analyze("verify", installed).stderr


@systemd
def test_the_unit_is_hardened(installed):
    result = _analyze("security", "--offline=true", f"--threshold={MAX_EXPOSURE}", installed)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", ["openoutcry.service", "openoutcry-exchange.service"])
def test_the_command_of_a_unit_is_one_that_the_program_has(root, path):
    command = _service((root / "deploy/systemd" / path).read_text())["ExecStart"].split()
    shown = subprocess.run(
        [sys.executable, "-m", "openoutcry.cli", command[1], "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    options = [word for word in command[2:] if word.startswith("--")]
    assert options
    assert all(f"{option} " in shown for option in options)


def _service(unit):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(unit)
    return parser["Service"]


def test_the_state_folder_is_the_only_place_it_writes(unit):
    service = _service(unit)
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] == "openoutcry"
    assert "OPENOUTCRY_STATE_DIR=%S/openoutcry" in service["Environment"]
    assert "ReadWritePaths" not in service


def test_paper_can_reach_nothing_but_this_host(unit):
    service = _service(unit)
    assert (service["IPAddressDeny"], service["IPAddressAllow"]) == ("any", "localhost")
    assert "--paper" in service["ExecStart"]


def test_secrets_are_in_no_unit(unit):
    assert not re.search(r"API_KEY=|SECRET=", unit)
    assert _service(unit)["EnvironmentFile"] == "-/etc/openoutcry/secrets.env"


def test_what_a_restart_cannot_cure_is_not_restarted(unit):
    lasting = (
        errors.InvalidInputError,
        errors.ConfigurationError,
        errors.MissingDataError,
        errors.JournalError,
        errors.HaltedError,
    )
    prevented = _service(unit)["RestartPreventExitStatus"].split()
    assert [str(kind.exit_code) for kind in lasting] == prevented


def test_it_waits_longer_than_the_system_needs_to_stop(unit):
    assert int(_service(unit)["TimeoutStopSec"]) > STOP_TIMEOUT_S
    assert _service(unit)["KillMode"] == "mixed"
