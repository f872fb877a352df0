import ipaddress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.assembly.settings import decode_settings, encode_settings, load_settings
from openoutcry.assembly.topology import MONITORING, ROLES, SUPERVISOR
from openoutcry.assembly.transport_settings import MAY_LIVE_ELSEWHERE, PRIVATE_NETWORKS, TransportSettings
from openoutcry.domain.errors import ConfigurationError

LEADER = {
    "base": "tcp",
    "bind_address": "10.66.0.1",
    "trusted_network": "10.66.0.0/24",
    "convention_address": "10.66.0.1:7800",
}


def said_of(**changes):
    """What is said about a trading host's settings with these changes."""
    with pytest.raises(ConfigurationError) as caught:
        TransportSettings(**{**LEADER, **changes})
    return str(caught.value)


def test_by_default_nothing_leaves_the_host():
    settings = TransportSettings()
    assert settings.base == "unix"
    assert (settings.host_address, settings.peers) == ("127.0.0.1", "127.0.0.1/32")
    assert not settings.is_leader


def test_a_host_leads_the_convention_that_has_its_own_address():
    leader = TransportSettings(**LEADER, placement={"strategy": "beta"})
    assert leader.is_leader
    assert leader.convention == ("10.66.0.1", 7800)
    assert (leader.host_address, leader.peers) == ("10.66.0.1", "10.66.0.0/24")
    assert not TransportSettings(**{**LEADER, "bind_address": "10.66.0.2"}).is_leader


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_the_section_is_read_from_a_file_in_each_mode(tmp_path, mode):
    path = tmp_path / "two.toml"
    path.write_text(
        f'mode = "{mode}"\n[transport]\nbase = "tcp"\nbind_address = "10.66.0.1"\n'
        'trusted_network = "10.66.0.0/24"\nconvention_address = "10.66.0.1:7800"\n'
        'registration_period_s = 2\n[transport.placement]\nstrategy = "beta"\n'
    )
    settings = load_settings(path)
    assert settings.transport.placement == {"strategy": "beta"}
    assert settings.transport.registration_period_s == 2
    assert decode_settings(encode_settings(settings)) == settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base": "unix"}, ["transport.base", "'unix'", 'set transport.base = "tcp"']),
        (
            {"convention_address": "8.8.8.8:7800"},
            ["transport.convention_address", "8.8.8.8 is public", "runs code", "tunnel"],
        ),
        ({"convention_address": "0.0.0.0:7800"}, ["transport.convention_address", "every interface"]),
        ({"bind_address": "0.0.0.0"}, ["transport.bind_address", "every interface"]),
        ({"bind_address": "93.184.216.34"}, ["transport.bind_address", "public"]),
        ({"trusted_network": ""}, ["without transport.trusted_network", "10.66.0.0/24"]),
        ({"convention_address": "10.67.0.1:7800"}, ["convention_address", "outside of 10.66.0.0/24"]),
        ({"bind_address": "192.168.1.4"}, ["bind_address", "outside of 10.66.0.0/24"]),
        ({"bind_address": "127.0.0.1"}, ["bind_address", "outside of 10.66.0.0/24"]),
        ({"bind_address": ""}, ["transport.bind_address is not given", "out of reach"]),
        ({"bind_address": "10.66.0.0"}, ["10.66.0.0 is no host"]),
        ({"bind_address": "10.66.0.255"}, ["10.66.0.255 is no host"]),
        ({"bind_address": "fd00::1"}, ["fd00::1", "IPv6", "IPv4"]),
        ({"convention_address": "[fd00::1]:7800"}, ["IPv6", "IPv4"]),
        ({"bind_address": "trading.example.com"}, ["'trading.example.com'", "name server"]),
        ({"convention_address": "10.66.0.1"}, ["convention_address", "port", "10.66.0.1:7800"]),
        ({"convention_address": "10.66.0.1:0"}, ["convention_address", "port"]),
        ({"convention_address": "10.66.0.1:70000"}, ["convention_address", "port"]),
        ({"convention_address": "10.66.0.1:0007800"}, ["convention_address", "port"]),
        ({"convention_address": "10.66.0.1:http"}, ["convention_address", "port"]),
        ({"trusted_network": "0.0.0.0/0"}, ["trusted_network", "not wholly private", "10.0.0.0/8"]),
        ({"trusted_network": "8.8.8.0/24"}, ["trusted_network", "not wholly private"]),
        ({"trusted_network": "172.0.0.0/8"}, ["trusted_network", "not wholly private"]),
        ({"trusted_network": "fd00::/64"}, ["trusted_network", "IPv6"]),
        ({"trusted_network": "10.66.0.1/24"}, ["trusted_network", "CIDR", "host bits"]),
        ({"trusted_network": "home"}, ["trusted_network", "'home'", "CIDR"]),
        ({"placement": {"stratgy": "beta"}}, ["placement.stratgy", "did you mean 'strategy'"]),
        (
            {"placement": {"strategy": "beta"}, "convention_address": ""},
            ["transport.placement", "transport.convention_address"],
        ),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_give(changes, words):
    text = said_of(**changes)
    for word in words:
        assert word in text


@pytest.mark.parametrize("role", sorted({*ROLES, SUPERVISOR} - {MONITORING, *MAY_LIVE_ELSEWHERE}))
def test_what_holds_orders_and_their_journal_stays_in_one_place(role):
    text = said_of(placement={role: "beta"})
    assert f"placement.{role}" in text
    assert "stay together" in text
    assert "place only classification, strategy" in text


def test_monitoring_stays_where_it_is_asked():
    text = said_of(placement={MONITORING: "beta"})
    assert f"placement.{MONITORING}" in text
    assert "openoutcry status" in text
    assert "remove it" in text


@pytest.mark.parametrize("role", MAY_LIVE_ELSEWHERE)
def test_what_only_has_opinions_may_live_elsewhere(role):
    assert TransportSettings(**LEADER, placement={role: "beta"}).placement == {role: "beta"}


@pytest.mark.parametrize("key", ["bind_address", "trusted_network", "convention_address", "placement"])
def test_without_the_tcp_base_the_other_keys_would_do_nothing_and_are_refused(key):
    given = {**LEADER, "placement": {"strategy": "beta"}}[key]
    with pytest.raises(ConfigurationError, match=f"transport.{key} is given"):
        TransportSettings(**{key: given})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("registration_period_s = 0", ["registration_period_s", "1 to 10"]),
        ("missed_registrations_max = 1", ["missed_registrations_max", "2 to 10"]),
        ("base = 'udp'", ["transport.base", "tcp, unix"]),
        ("placement = { strategy = '' }", ["transport.placement"]),
        ("adress = ''", ["transport.adress", "unknown key"]),
    ],
)
def test_a_file_is_told_the_key_and_the_range(tmp_path, line, words):
    path = tmp_path / "bad.toml"
    path.write_text(f"[transport]\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    for word in words:
        assert word in str(caught.value)


addresses = st.one_of(
    st.ip_addresses(v=4).map(str), st.sampled_from(["10.66.0.1", "10.66.0.2", "", "localhost", "::1"])
)
networks = st.one_of(
    st.builds("{}/{}".format, st.ip_addresses(v=4), st.integers(0, 32)),
    st.sampled_from(["10.66.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "", "100.64.0.0/10"]),
)


@given(addresses, addresses, networks)
def test_whatever_is_accepted_can_be_reached_from_private_networks_only(bind, leader, network):
    try:
        settings = TransportSettings(
            base="tcp",
            bind_address=bind,
            convention_address=leader and f"{leader}:7800",
            trusted_network=network,
        )
    except ConfigurationError:
        return
    peers = ipaddress.ip_network(settings.peers)
    assert str(peers) == "127.0.0.1/32" or any(peers.subnet_of(private) for private in PRIVATE_NETWORKS)
    assert ipaddress.ip_address(settings.host_address) in peers or not settings.convention_address
    if settings.convention_address:
        assert ipaddress.ip_address(settings.convention[0]) in peers
        assert ipaddress.ip_address(settings.host_address) in peers


def test_settings_are_checked_again_where_they_arrive():
    data = msgspec.json.encode({"transport": {**LEADER, "bind_address": "8.8.8.8"}})
    with pytest.raises(ConfigurationError, match="public"):
        decode_settings(data)
