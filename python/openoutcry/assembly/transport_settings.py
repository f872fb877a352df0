"""How actors' messages travel, and what may live on another host.

Thespian authenticates nobody and unpickles what reaches it, so whoever reaches an actor's port runs code in
it. A convention of several hosts is therefore refused anywhere but inside a private network that was named.
"""

import ipaddress
from typing import Annotated, Final, Literal

import msgspec

from openoutcry.assembly.topology import CLASSIFICATION, MONITORING, ROLES, STRATEGY, SUPERVISOR, Role
from openoutcry.domain.errors import ConfigurationError
from openoutcry.plugins.registry import did_you_mean

LOOPBACK_ADDRESS: Final = "127.0.0.1"
LOOPBACK_NETWORK: Final = "127.0.0.1/32"
MAX_REGISTRATION_PERIOD_S: Final = 10
MAX_MISSED_REGISTRATIONS: Final = 10
MAX_PORT: Final = 65_535

# The others of one account share its journals, its halt and its keys, and stay in one place.
MAY_LIVE_ELSEWHERE: Final[tuple[Role, ...]] = (CLASSIFICATION, STRATEGY)
# RFC 1918, and RFC 6598, from which overlay networks take their addresses.
PRIVATE_NETWORKS: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_POINT_TO_POINT: Final = 31  # from here on a network has no addresses of its own

HostName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$")]


class TransportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The system base, and with `tcp` the convention of hosts that this one leads or joins.

    A host leads the convention whose address is its own `bind_address`, and it is the one that trades. The
    others run `openoutcry join`, each under the name by which `placement` (role: host) puts actors there.
    A partition is noticed after about `registration_period_s` times `missed_registrations_max`.
    """

    base: Literal["unix", "tcp"] = "unix"
    bind_address: str = ""
    trusted_network: str = ""
    convention_address: str = ""
    placement: dict[str, HostName] = {}
    registration_period_s: Annotated[int, msgspec.Meta(ge=1, le=MAX_REGISTRATION_PERIOD_S)] = 1
    missed_registrations_max: Annotated[int, msgspec.Meta(ge=2, le=MAX_MISSED_REGISTRATIONS)] = 3

    def __post_init__(self) -> None:
        self._check_base()
        self._check_placement()
        network = _network_of(self.trusted_network) if self.trusted_network else None
        for key, address in (
            ("convention_address", self.convention_address and self.convention[0]),
            ("bind_address", self.bind_address),
        ):
            if address:
                _check_inside(key, _address_of(key, address), network)
        if self.convention_address and not self.bind_address:
            raise ConfigurationError(
                f"transport.bind_address is not given, so {self.convention_address} would be out of reach; "
                f"give this host's own address in {self.trusted_network}"
            )

    @property
    def host_address(self) -> str:
        """The one address on which this host's actors listen."""
        return self.bind_address or LOOPBACK_ADDRESS

    @property
    def peers(self) -> str:
        """The network from which connections are taken, as a CIDR."""
        return self.trusted_network or LOOPBACK_NETWORK

    @property
    def convention(self) -> tuple[str, int]:
        """Address and port of the convention's leader."""
        address, colon, port = self.convention_address.rpartition(":")
        is_number = port.isascii() and port.isdigit() and len(port) <= len(str(MAX_PORT))
        if not colon or not is_number or not 0 < int(port) <= MAX_PORT:
            raise ConfigurationError(
                f"transport.convention_address: {self.convention_address!r} names no port; "
                "give IPv4 address and port, as '10.66.0.1:7800'"
            )
        return address, int(port)

    @property
    def is_leader(self) -> bool:
        """Whether this host leads the convention: the one that trades does."""
        return bool(self.convention_address) and self.convention[0] == self.bind_address

    def _check_base(self) -> None:
        if self.base == "tcp":
            return
        for key in ("bind_address", "trusted_network", "convention_address", "placement"):
            if getattr(self, key):
                raise ConfigurationError(
                    f"transport.{key} is given, but transport.base is 'unix', which ends at this host; "
                    f'set transport.base = "tcp", or remove transport.{key}'
                )

    def _check_placement(self) -> None:
        for role in self.placement:
            if role in MAY_LIVE_ELSEWHERE:
                continue
            if role == MONITORING:
                raise ConfigurationError(
                    f"transport.placement.{role}: {role} cannot live on another host: the run's own screen, "
                    "`openoutcry status` and `top` ask it on the loopback of the trading one; remove it"
                )
            if role in ROLES or role == SUPERVISOR:
                raise ConfigurationError(
                    f"transport.placement.{role}: {role} cannot live on another host: ingestion, risk, "
                    "execution and memory of one account stay together, so that a cut link parts no order "
                    f"from its journal or from the halt; place only {', '.join(MAY_LIVE_ELSEWHERE)}"
                )
            raise ConfigurationError(
                f"transport.placement.{role}: unknown role; {did_you_mean(role, MAY_LIVE_ELSEWHERE)}"
            )
        if self.placement and not self.convention_address:
            raise ConfigurationError(
                "transport.placement is given, but no other host can join without "
                "transport.convention_address; give that, or remove the placement"
            )


def _network_of(text: str) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigurationError(
            f"transport.trusted_network: {text!r} is not a network ({error}); give a CIDR, as '10.66.0.0/24'"
        ) from error
    if not isinstance(network, ipaddress.IPv4Network):
        raise ConfigurationError(
            f"transport.trusted_network: {text!r} is IPv6, which Thespian's TCP base does not speak; "
            "give an IPv4 network, as '10.66.0.0/24'"
        )
    if not any(network.subnet_of(private) for private in PRIVATE_NETWORKS):
        raise ConfigurationError(
            f"transport.trusted_network: {text} is not wholly private: whoever reaches an actor's port from "
            "there runs code in it; give the network of an encrypted tunnel inside "
            f"{', '.join(map(str, PRIVATE_NETWORKS))} (deploy/wireguard says how)"
        )
    return network


def _address_of(key: str, text: str) -> ipaddress.IPv4Address:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError as error:
        raise ConfigurationError(
            f"transport.{key}: {text!r} is not an address; give an IPv4 address, never a host name: "
            "what a name server says is not authenticated"
        ) from error
    if not isinstance(address, ipaddress.IPv4Address):
        raise ConfigurationError(
            f"transport.{key}: {text} is IPv6, which Thespian's TCP base does not speak; give an IPv4 address"
        )
    return address


def _check_inside(key: str, address: ipaddress.IPv4Address, network: ipaddress.IPv4Network | None) -> None:
    remedy = "give the address of an encrypted tunnel's interface, inside transport.trusted_network"
    if address.is_unspecified:
        raise ConfigurationError(
            f"transport.{key}: {address} stands for every interface, the public ones too; {remedy}"
        )
    if address.is_global:
        raise ConfigurationError(
            f"transport.{key}: {address} is public, and whoever reaches an actor's port runs code in it; "
            f"{remedy}"
        )
    if network is None:
        if str(address) == LOOPBACK_ADDRESS and key == "bind_address":
            return
        raise ConfigurationError(
            f"transport.{key}: {address} is given without transport.trusted_network, so nothing says whose "
            "connections may be taken; name the tunnel's network there, as '10.66.0.0/24'"
        )
    if address not in network:
        raise ConfigurationError(f"transport.{key}: {address} is outside of {network}; {remedy}")
    ends = (network.network_address, network.broadcast_address)
    if network.prefixlen < _POINT_TO_POINT and address in ends:
        raise ConfigurationError(f"transport.{key}: {address} is no host of {network}; {remedy}")
