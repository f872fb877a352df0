"""From what a user calls a classifier to the classifier: its registered name, or where it is written."""

from collections.abc import Mapping
from typing import Any

from openoutcry.models.classifier import Classifier
from openoutcry.models.shipped import classifier_registry
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import Registry
from openoutcry.plugins.source import dashed, factory_at, is_place


def classifier_of(
    text: str, parameters: Mapping[str, Any] | None = None, plugins: Plugins | None = None
) -> Classifier:
    """The classifier with a registered name, or at `file.py`, `file.py:Class` or `package.module:Class`.

    Raises:
        InvalidInputError: there is none, it cannot be imported, or it does not take the parameters.
    """
    if not is_place(text):
        return classifier_registry(plugins).create(text, parameters)
    factory, owner = factory_at(text, Classifier)
    registry: Registry[Classifier] = Registry("classifier", Classifier)  # type: ignore[type-abstract]
    name = dashed(owner.rpartition(":")[2])
    registry.register({name: factory}, owner=owner)
    return registry.create(name, parameters)
