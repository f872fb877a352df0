"""An actor whose deciders must know the recent candles before it may speak."""

from collections import deque
from collections.abc import Mapping
from typing import Final

from openoutcry.actors.actor import Actor
from openoutcry.domain.control import CandleHistory, ReplayCandles
from openoutcry.domain.decider import Decider
from openoutcry.domain.message import Message
from openoutcry.domain.units import TimestampNs

HELD_MESSAGES_MAX: Final = 1024


class WarmActor(Actor):
    """Asks memory for the last candles when it starts, and holds what comes until they are there."""

    deciders: Mapping[str, Decider]  # by symbol

    def __init__(self) -> None:
        super().__init__()
        self._cold: set[str] = set()
        self._held: deque[tuple[Message, TimestampNs]] = deque(maxlen=HELD_MESSAGES_MAX)

    def start(self) -> None:
        """Ask for the history."""
        self._cold = set(self.settings.symbols)
        for symbol in self.settings.symbols:
            self.publish(
                ReplayCandles(
                    id=f"replay:{self.role}:{symbol}:{self.restarts}",
                    symbol=symbol,
                    count=self.settings.feed.history_candles,
                )
            )

    def handle(self, message: Message, now_ns: TimestampNs) -> None:
        """Let the symbol's decider decide, once all are warm."""
        if self._cold and not isinstance(message, CandleHistory):
            if len(self._held) == HELD_MESSAGES_MAX:
                raise RuntimeError(
                    f"{self.role} waits for its history and holds {HELD_MESSAGES_MAX} messages"
                )
            self._held.append((message, now_ns))
            return
        self._decide(message, now_ns)
        if isinstance(message, CandleHistory) and self._cold:
            self._cold.discard(message.symbol)
            while self._held and not self._cold:
                self._decide(*self._held.popleft())

    def _decide(self, message: Message, now_ns: TimestampNs) -> None:
        decider = self.deciders[getattr(message, "symbol", "")]
        for answer in decider.decide(message, now_ns):
            self.note(answer)
            self.publish(answer)

    def note(self, answer: Message) -> None:
        """Look at an answer that is about to be published."""
