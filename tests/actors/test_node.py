import subprocess
import sys

import pytest

from openoutcry.actors.bases import base_of
from openoutcry.actors.node import Node
from openoutcry.assembly.transport_settings import TransportSettings
from openoutcry.domain.errors import ConfigurationError

NOT_OURS = "10.255.255.77"


def test_without_a_convention_there_is_nothing_to_join(tmp_path):
    with pytest.raises(ConfigurationError, match="convention_address"):
        Node(TransportSettings(), "beta", tmp_path)


def test_the_leader_does_not_join_itself(tmp_path):
    leader = TransportSettings(
        base="tcp",
        bind_address="10.66.0.1",
        trusted_network="10.66.0.0/24",
        convention_address="10.66.0.1:7800",
    )
    with pytest.raises(ConfigurationError, match=r"bind_address 10\.66\.0\.1"):
        Node(leader, "beta", tmp_path)


def test_a_host_that_does_not_lead_the_convention_does_not_trade_in_it():
    member = TransportSettings(
        base="tcp",
        bind_address="10.66.0.2",
        trusted_network="10.66.0.0/24",
        convention_address="10.66.0.1:7800",
    )
    with pytest.raises(
        ConfigurationError, match=r"10\.66\.0\.1:7800 is led by another host.*openoutcry join"
    ):
        base_of(member, "r-test")


def test_an_address_that_is_not_this_hosts_own_is_said_to_be_so(tmp_path):
    settings = tmp_path / "member.toml"
    settings.write_text(
        f'[transport]\nbase = "tcp"\nbind_address = "{NOT_OURS}"\ntrusted_network = "10.0.0.0/8"\n'
        'convention_address = "10.66.0.1:7800"\n'
    )
    command = [sys.executable, "-m", "openoutcry.cli", "join", "--config", str(settings), "--host", "beta"]
    ended = subprocess.run(
        [*command, "--state-dir", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 8
    assert f"{NOT_OURS}:7800" in ended.stderr
    assert "is the tunnel up" in ended.stderr
    assert "Traceback" not in ended.stderr
