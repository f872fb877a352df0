"""User streams: the account's events on their way to whoever subscribed with a signature."""

from typing import Any

import msgspec

from openoutcry.exchanges.local.faults import FaultBoard
from openoutcry.exchanges.local.outbox import Outbox


class UserStreams:
    """Subscriptions to the account's events. An event that finds no room ends its connection."""

    def __init__(self, faults: FaultBoard) -> None:
        self._faults = faults
        self._subscribed: dict[Outbox, int] = {}
        self.events_sent = 0
        self.slow_clients_cut = 0

    @property
    def connected(self) -> int:
        """Connections with a subscription."""
        return len(self._subscribed)

    def subscribe(self, outbox: Outbox) -> int:
        """Subscribe a connection; the subscription's id."""
        return self._subscribed.setdefault(outbox, 0)

    def unsubscribe(self, outbox: Outbox) -> None:
        """End a connection's subscription, if it has one."""
        self._subscribed.pop(outbox, None)

    def publish(self, event: dict[str, Any]) -> None:
        """Send an event to every subscription."""
        is_repeated = event.get("x") == "TRADE" and self._subscribed and self._faults.take("duplicate_report")
        for outbox, subscription_id in list(self._subscribed.items()):
            frame = msgspec.json.encode({"subscriptionId": subscription_id, "event": event})
            for _ in range(2 if is_repeated else 1):
                if outbox.put(frame):
                    self.events_sent += 1
                else:
                    self.slow_clients_cut += 1
                    self.unsubscribe(outbox)
                    break

    def cut_all(self) -> None:
        """Cut every subscribed connection off."""
        for outbox in list(self._subscribed):
            self.unsubscribe(outbox)
            outbox.cut()
