"""What a plugin may offer, and what it may forbid.

A plugin is a module or object named by an entry point of the group `openoutcry`, with functions marked
`@hookimpl`. It may implement any of the hooks below.

No hook is *historic*: offers are collected once, after every plugin is loaded, so that a clash of names
is seen whole and a plugin cannot appear in the middle of a run. None is *firstresult*: offers of all
plugins are wanted, and so are all vetoes (with firstresult the journal would show one reviewer's reason
and hide the others').
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pluggy

from openoutcry.domain.orders import OrderIntent, PositionReport, SizedOrder

PROJECT: Final = "openoutcry"  # pluggy's project name and the entry points' group

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec  # type: ignore[untyped-decorator]  # the project skips pluggy's types
def openoutcry_strategies() -> Mapping[str, Callable[..., Any]]:
    """Strategies by name: each a class derived from `strategies.strategy.Strategy`, or a factory of one."""
    raise NotImplementedError  # a specification: pluggy never calls it


@hookspec  # type: ignore[untyped-decorator]  # the project skips pluggy's types
def openoutcry_classifiers() -> Mapping[str, Callable[..., Any]]:
    """Classifiers by name: each a class derived from `models.classifier.Classifier`, or a factory of one."""
    raise NotImplementedError


@hookspec  # type: ignore[untyped-decorator]  # the project skips pluggy's types
def openoutcry_adapters() -> Mapping[str, Callable[..., Any]]:
    """Venue adapters by name: factories of the contract in `exchanges.adapter`."""
    raise NotImplementedError


@hookspec  # type: ignore[untyped-decorator]  # the project skips pluggy's types
def openoutcry_review_order(intent: OrderIntent, order: SizedOrder, position: PositionReport) -> str | None:
    """Refuse an order that passed every check of ours: the reason in words, or None for no objection.

    A review can only forbid. It cannot approve, change or delay an order, and an implementation that
    raises, or answers anything but text or None, has refused. It is on the way of every order: answer in
    microseconds, without I/O.
    """
