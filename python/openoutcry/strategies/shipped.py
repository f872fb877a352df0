"""The strategies that come with openoutcry."""

from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import SHIPPED, Registry
from openoutcry.strategies.breakout import Breakout
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.combination import combination_factory
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.model_directed import ModelDirected
from openoutcry.strategies.momentum import MovingAverageCross
from openoutcry.strategies.order_flow_imbalance import OrderFlowImbalance
from openoutcry.strategies.pairs import Pairs
from openoutcry.strategies.rsi_reversion import RsiReversion
from openoutcry.strategies.sma_cross import SmaCross
from openoutcry.strategies.strategy import Strategy, strategy_name

SHIPPED_STRATEGIES: tuple[type[Strategy], ...] = (
    Breakout,
    BuyAndHold,
    MarketMaker,
    ModelDirected,
    MovingAverageCross,
    OrderFlowImbalance,
    Pairs,
    RsiReversion,
    SmaCross,
)


def strategy_registry(plugins: Plugins | None = None) -> Registry[Strategy]:
    """Every strategy there is by name: ours, and those that plugins offer."""
    registry: Registry[Strategy] = Registry("strategy", Strategy)  # type: ignore[type-abstract]
    registry.register({strategy_name(kind): kind for kind in SHIPPED_STRATEGIES}, owner=SHIPPED)
    registry.register({"combination": combination_factory(registry.create)}, owner=SHIPPED)
    if plugins is not None:
        plugins.offer("openoutcry_strategies", registry)
    return registry
