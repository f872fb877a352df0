"""The recipe for two hosts: each file is read by the program that it is for, and they agree."""

import configparser
import re
import shutil
import subprocess
import sys

import pytest

from openoutcry.assembly.settings import load_settings
from openoutcry.domain.errors import ConfigurationError, InvalidInputError

MAX_EXPOSURE = 20  # in tenths of systemd's figure, of which 10.0 is the worst


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def folder(root):
    return root / "deploy/wireguard"


def run(*command):
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


def tunnel(path):
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(path.read_text())
    return parser


@pytest.mark.parametrize(("settings", "is_leader"), [("trading.toml", True), ("node.toml", False)])
def test_the_settings_are_taken_and_one_host_leads(folder, settings, is_leader):
    assert load_settings(folder / settings).transport.is_leader is is_leader


def test_the_files_name_the_same_addresses(folder):
    trading = load_settings(folder / "trading.toml").transport
    node = load_settings(folder / "node.toml").transport
    assert (trading.convention, trading.peers) == (node.convention, node.peers)
    one, other = tunnel(folder / "wg0-trading.conf"), tunnel(folder / "wg0-node.conf")
    assert one["Interface"]["Address"] == f"{trading.bind_address}/24"
    assert other["Interface"]["Address"] == f"{node.bind_address}/24"
    assert one["Peer"]["AllowedIPs"] == f"{node.bind_address}/32"
    assert other["Peer"]["AllowedIPs"] == f"{trading.bind_address}/32"
    assert other["Peer"]["Endpoint"].endswith(f":{one['Interface']['ListenPort']}")
    for name in ("openoutcry.nft", "tunnel.conf", "openoutcry-node.service"):
        networks = re.findall(r"\d+\.\d+\.\d+\.\d+/\d+", (folder / name).read_text())
        assert set(networks) == {trading.peers}, name


def test_no_file_holds_a_key(folder):
    for path in folder.iterdir():
        assert not re.search(r"[A-Za-z0-9+/]{43}=|PrivateKey|API_KEY|SECRET", path.read_text()), path.name


def test_the_unit_houses_actors_under_a_name_that_the_trading_host_uses(folder):
    command = re.search(r"ExecStart=(.*)", (folder / "openoutcry-node.service").read_text())[1].split()
    name = command[command.index("--host") + 1]
    assert set(load_settings(folder / "trading.toml").transport.placement.values()) == {name}
    shown = run(sys.executable, "-m", "openoutcry.cli", command[1], "--help").stdout
    assert all(f"{option} " in shown for option in command if option.startswith("--"))


def test_what_a_restart_cannot_cure_is_not_restarted(folder):
    prevented = re.search(r"RestartPreventExitStatus=(.*)", (folder / "openoutcry-node.service").read_text())[
        1
    ]
    assert prevented.split() == [str(kind.exit_code) for kind in (InvalidInputError, ConfigurationError)]


@needs("systemd-analyze")
def test_the_unit_and_the_drop_in_are_understood_and_the_unit_is_hardened(root, folder, tmp_path):
    for path in ((folder / "openoutcry-node.service"), *(root / "deploy/systemd").iterdir()):
        text = path.read_text().replace("/opt/openoutcry/.venv/bin/openoutcry ", f"{sys.executable} ")
        (tmp_path / path.name).write_text(text)
    (tmp_path / "openoutcry.service.d").mkdir()
    shutil.copy(folder / "tunnel.conf", tmp_path / "openoutcry.service.d")
    for name in ("openoutcry-node.service", "openoutcry.service"):
        checked = run("systemd-analyze", "verify", tmp_path / name)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, ""), name
    exposure = run(
        "systemd-analyze", "security", "--offline=true", f"--threshold={MAX_EXPOSURE}",
        tmp_path / "openoutcry-node.service",
    )  # fmt: skip
    assert exposure.returncode == 0, exposure.stdout


@needs("nft")
def test_the_firewall_understands_its_rules(folder):
    checked = run("nft", "--check", "--file", folder / "openoutcry.nft")
    if "Operation not permitted" in checked.stderr:
        pytest.skip("nft may not ask the kernel here")
    assert (checked.returncode, checked.stderr) == (0, "")


@needs("wg-quick")
@pytest.mark.parametrize("name", ["wg0-trading.conf", "wg0-node.conf"])
def test_wg_quick_understands_the_tunnel(folder, tmp_path, name):
    path = tmp_path / "wg0.conf"
    path.write_text((folder / name).read_text())
    path.chmod(0o600)
    stripped = run("wg-quick", "strip", path)
    assert stripped.returncode == 0, stripped.stderr
    assert "AllowedIPs" in stripped.stdout
    assert "PostUp" not in stripped.stdout
