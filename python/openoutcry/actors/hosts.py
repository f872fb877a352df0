"""Which roles live on other hosts, and which of those hosts are there.

Thespian tells who joins the convention and who is lost, but not whether a lost host's actors died: they may
live on, and speak again once the link heals.
"""

from collections.abc import Mapping
from typing import Any, Final

from openoutcry.assembly.topology import Role

HOST_CAPABILITY: Final = "openoutcry host"  # what a host is called in `transport.placement`
NODE_DIR_VARIABLE: Final = "OPENOUTCRY_NODE_DIR"  # on another host: where the actors placed there may write


def may_live_here(capabilities: Mapping[str, Any], requirements: Mapping[str, Any]) -> bool:
    """Whether a host has all that an actor requires. What requires no other host stays on the trading one."""
    wanted = {HOST_CAPABILITY: None, **requirements}
    return all(capabilities.get(key) == value for key, value in wanted.items())


class Hosts:
    """The hosts that `placement` (role: host) names, as far as notices tell.

    Notices may come twice, late, or of hosts that are not ours.
    """

    def __init__(self, placement: Mapping[Role, str]) -> None:
        self._placement = dict(placement)
        self._there: dict[str, set[str]] = {host: set() for host in placement.values()}

    def host_of(self, role: Role) -> str:
        """Where a role was placed; empty for this host."""
        return self._placement.get(role, "")

    def roles_on(self, host: str) -> list[Role]:
        """The roles placed on a host."""
        return [role for role, each in self._placement.items() if each == host]

    def requirements(self, role: Role) -> dict[str, str]:
        """What a host must offer for the role; nothing for this one."""
        return {HOST_CAPABILITY: self._placement[role]} if role in self._placement else {}

    def is_reachable(self, role: Role) -> bool:
        """Whether the role's host is there."""
        return role not in self._placement or bool(self._there[self._placement[role]])

    def missing(self) -> list[str]:
        """The hosts that are not there."""
        return sorted(host for host, addresses in self._there.items() if not addresses)

    def join(self, host: str, address: str) -> bool:
        """One has joined at an address; says whether it is ours and that is news."""
        is_news = host in self._there and address not in self._there[host]
        if is_news:
            self._there[host].add(address)
        return is_news

    def lose(self, host: str, address: str) -> bool:
        """One is lost; says whether it is ours and that is news.

        If another one has the same name, nobody knows on which of the two an actor was.
        """
        is_news = address in self._there.get(host, ())
        if is_news:
            self._there[host].remove(address)
        return is_news
