"""The strategy actor: candles and opinions in, signals and intents out."""

from collections import Counter
from typing import Any

from openoutcry.actors.warm_actor import WarmActor
from openoutcry.assembly import factory
from openoutcry.assembly.topology import RISK, STRATEGY
from openoutcry.domain.message import Message
from openoutcry.domain.opinions import Signal
from openoutcry.domain.orders import OrderIntent


class StrategyActor(WarmActor):
    """One a strategy set. Its deciders are the strategy desks."""

    role = STRATEGY

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, object] = {}
        self._risk: Any = None  # whom intents were sent to

    def configure(self) -> dict[str, str]:
        """Build the desk of each symbol."""
        plugins = factory.plugins(self.settings)
        self.desks = {
            symbol: factory.strategy_desk(self.settings, symbol, plugins) for symbol in self.settings.symbols
        }
        self.deciders = self.desks
        return {}

    def rewired(self) -> None:
        """An intent may have died with risk. Asking again is harmless: intents name a target, not a trade."""
        address = self._addresses.get(RISK)
        if self._risk is not None and address != self._risk:
            for desk in self.desks.values():
                desk.forget_intent()
        self._risk = address

    def note(self, answer: Message) -> None:
        """Count, and keep the last signal for the screen."""
        match answer:
            case Signal():
                self.count("signals")
                self._last = {
                    "strategy": answer.strategy,
                    "exposure": answer.exposure,
                    "reason": answer.reason,
                    "at_ns": answer.at_ns,
                }
            case OrderIntent():
                self.count("orderintents")

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """The desks' figures, and the last signal."""
        counters: Counter[str] = Counter()
        for desk in self.desks.values():
            counters.update(desk.counters)
        return dict(counters), {}, {"signal": self._last}
