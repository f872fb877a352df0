"""The strategies that come with openoutcry."""

from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import SHIPPED, Registry
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.model_directed import ModelDirected
from openoutcry.strategies.momentum import MovingAverageCross
from openoutcry.strategies.sma_cross import SmaCross
from openoutcry.strategies.strategy import Strategy, strategy_name

SHIPPED_STRATEGIES: tuple[type[Strategy], ...] = (BuyAndHold, ModelDirected, MovingAverageCross, SmaCross)


def strategy_registry(plugins: Plugins | None = None) -> Registry[Strategy]:
    """Every strategy there is by name: ours, and those that plugins offer."""
    registry: Registry[Strategy] = Registry("strategy", Strategy)  # type: ignore[type-abstract]
    registry.register({strategy_name(kind): kind for kind in SHIPPED_STRATEGIES}, owner=SHIPPED)
    if plugins is not None:
        plugins.offer("openoutcry_strategies", registry)
    return registry
