"""The classifiers that come with openoutcry."""

from openoutcry.models.classifier import Classifier
from openoutcry.models.moving_average_rsi import MovingAverageRsi
from openoutcry.models.talib_patterns import TalibPatterns
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import SHIPPED, Registry


def classifier_registry(plugins: Plugins | None = None) -> Registry[Classifier]:
    """Every classifier there is by name: ours, and those that plugins offer."""
    registry: Registry[Classifier] = Registry("classifier", Classifier)  # type: ignore[type-abstract]
    registry.register(
        {"moving-average-rsi": MovingAverageRsi, "talib-patterns": TalibPatterns}, owner=SHIPPED
    )
    if plugins is not None:
        plugins.offer("openoutcry_classifiers", registry)
    return registry
