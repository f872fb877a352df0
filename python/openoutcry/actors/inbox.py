"""The receiving end of the edges: each message once, in order, and of the sender's present life only."""

from openoutcry.actors.protocol import Envelope


class Inbox:
    """What has come from each sender: its life (`epoch`) and the last sequence of it."""

    def __init__(self) -> None:
        self.counters: dict[str, float] = {"actor_duplicates": 0, "actor_gaps": 0}
        self.missing = 0  # messages that should have come before the last one, and had not
        self._positions: dict[str, tuple[int, int]] = {}

    def begin_epoch(self, source: str, epoch: int) -> None:
        """A sender lives for the `epoch`th time: what an earlier life sent is refused from here on."""
        if source in self._positions and epoch > self._positions[source][0]:
            self._positions[source] = (epoch, 0)
        else:
            self._positions.setdefault(source, (epoch, 0))

    def admits(self, envelope: Envelope) -> bool:
        """Whether a message is new; if so it counts as taken."""
        epoch, last = self._positions.get(envelope.source, (envelope.epoch, 0))
        if envelope.epoch > epoch:
            last = 0
        if envelope.epoch < epoch or envelope.sequence <= last:
            self.counters["actor_duplicates"] += 1
            return False
        self.missing = envelope.sequence - last - 1
        self.counters["actor_gaps"] += self.missing
        self._positions[envelope.source] = (envelope.epoch, envelope.sequence)
        return True

    def position(self, source: str) -> tuple[int, int]:
        """A sender's epoch and the last sequence taken of it."""
        return self._positions[source]

    def sources(self) -> list[str]:
        """Everybody who has sent something."""
        return [source for source, (_, sequence) in self._positions.items() if sequence]
