"""An actor whose deciders must know the recent candles before they may speak."""

from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

from openoutcry.actors.actor import Actor
from openoutcry.actors.history import ask_for_history, is_answer_to
from openoutcry.domain.control import CandleHistory
from openoutcry.domain.decider import Decider
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.units import TimestampNs

HELD_MESSAGES_MAX: Final = 1024


class WarmActor(Actor):
    """After a restart it asks memory for the last candles, and holds what comes until they are there.

    A candle that it holds is not history: it is decided on, like any other. Nothing precedes the first start.
    """

    deciders: Mapping[str, Decider]  # by symbol

    def __init__(self) -> None:
        super().__init__()
        self._cold: set[str] = set()
        self._held: deque[tuple[Message, TimestampNs]] = deque()

    def start(self) -> None:
        """Ask for the history that a predecessor knew."""
        if not self.restarts:
            return
        self._cold = set(self.settings.symbols)
        ask_for_history(self)

    def handle_CandleHistory(self, message: CandleHistory, now_ns: TimestampNs) -> None:  # noqa: N802  found by name
        """Warm up; answers to others' questions are left alone."""
        if message.symbol not in self._cold or not is_answer_to(self, message):
            return
        held = [each.close_ns for each, _ in self._held if isinstance(each, CandleClosed)]
        first_ns = min(held, default=now_ns)
        history = tuple(candle for candle in message.candles if candle.close_ns < first_ns)
        self._cold.discard(message.symbol)
        try:
            self._decide(msgspec.structs.replace(message, candles=history), now_ns)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Decide on what was held; an error with one message is reported and does not keep the others."""
        while self._held and not self._cold:
            message, held_ns = self._held.popleft()
            try:
                self._decide(message, held_ns)
            except Exception as error:  # noqa: BLE001  reported, like any handler's error
                self.fail(type(message).__name__, error)

    def handle(self, message: Message, now_ns: TimestampNs) -> None:
        """Let the symbol's decider decide, once all are warm."""
        if not self._cold:
            self._decide(message, now_ns)
        elif len(self._held) < HELD_MESSAGES_MAX:
            self._held.append((message, now_ns))
        else:
            raise RuntimeError(f"{self.role} waits for its history and holds {HELD_MESSAGES_MAX} messages")

    def _decide(self, message: Message, now_ns: TimestampNs) -> None:
        decider = self.deciders[getattr(message, "symbol", "")]
        for answer in decider.decide(message, now_ns):
            self.note(answer)
            self.publish(answer)

    def note(self, answer: Message) -> None:
        """Look at an answer that is about to be published."""
