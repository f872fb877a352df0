"""What this plugin offers, and what it forbids."""

from openoutcry.models.classifier import Classifier
from openoutcry.plugins.hooks import hookimpl
from openoutcry.strategies.strategy import Strategy
from openoutcry_example_plugin.new_high import NewHigh
from openoutcry_example_plugin.one_buy_at_a_time import openoutcry_review_order
from openoutcry_example_plugin.volume_surge import VolumeSurge

__all__ = ["openoutcry_classifiers", "openoutcry_review_order", "openoutcry_strategies"]


@hookimpl
def openoutcry_strategies() -> dict[str, type[Strategy]]:
    """Our strategies by name."""
    return {"new-high": NewHigh}


@hookimpl
def openoutcry_classifiers() -> dict[str, type[Classifier]]:
    """Our classifiers by name."""
    return {"volume-surge": VolumeSurge}
