"""Finds plugins, keeps a bad one from harming the others, and asks all of them for their veto."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pluggy

from openoutcry.domain.errors import ConfigurationError, InvalidInputError
from openoutcry.domain.orders import OrderIntent, PositionReport, SizedOrder
from openoutcry.plugins import hooks
from openoutcry.plugins.registry import Registry, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

MAX_ERROR_CHARS: Final = 500  # of a plugin's own error text, which we do not control

_REVIEW: Final = "openoutcry_review_order"
_HOOKS: Final = tuple(sorted(name for name in vars(hooks) if name.startswith(f"{hooks.PROJECT}_")))


class DisabledPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that is out of use, who brought it, and why."""

    name: str
    owner: str
    error: str


class Plugins:
    """The plugins of this installation.

    A plugin that cannot be imported, or that raises while it is asked for its offers, is disabled and
    named in `disabled`; the system goes on without its offers. A *reviewer* is never dropped: if a plugin
    that is known to review orders cannot be registered or raises, every order it would have seen is
    refused, because trading on without a check somebody installed would fail open.
    """

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._owners: dict[str, str] = {}
        self._broken_reviewers: dict[str, str] = {}
        self._disabled: dict[str, DisabledPlugin] = {}
        self._review_failures = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Plugins in use, sorted."""
        return tuple(sorted(set(self._owners) - set(self._disabled)))

    @property
    def disabled(self) -> tuple[DisabledPlugin, ...]:
        """Plugins out of use, sorted by name."""
        return tuple(self._disabled[name] for name in sorted(self._disabled))

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Plugins whose consent every order needs, sorted."""
        return tuple(sorted({*self._working_reviewers(), *self._broken_reviewers}))

    @property
    def counters(self) -> dict[str, float]:
        """Figures for monitoring."""
        return {
            "plugins_loaded": len(self.names),
            "plugins_disabled": len(self._disabled),
            "plugin_review_failures": self._review_failures,
        }

    def load_installed(self) -> None:
        """Load every plugin that an installed package declares, in the order of their names."""
        from importlib.metadata import entry_points  # noqa: PLC0415  a third of what this module loads

        found = entry_points(group=hooks.PROJECT)
        for point in sorted(found, key=lambda point: (point.name, point.value)):
            self._load(point)

    def require(self, names: Iterable[str]) -> None:
        """Insist on plugins.

        Raises:
            ConfigurationError: one of them is not installed, or is disabled.
        """
        for name in names:
            if name in self._disabled:
                bad = self._disabled[name]
                raise ConfigurationError(f"required plugin {name!r} of {bad.owner} is disabled: {bad.error}")
            if name not in self._owners:
                raise ConfigurationError(
                    f"required plugin {name!r} is not installed; {did_you_mean(name, self.names)}"
                )

    def add(self, plugin: object, *, name: str, owner: str) -> None:
        """Register a plugin object, or disable it if it does not fit the hook specifications."""
        if name in self._owners:
            clash = (
                f"the name {name!r} is already taken by {self._owners[name]}; rename one of the two plugins"
            )
            self._disable(f"{name} ({owner})", owner, clash)
            self._refuse_if_reviewer(plugin, f"{name} ({owner})", clash)
            return
        self._owners[name] = owner
        try:
            hash(plugin)  # pluggy keeps plugins in sets
            self._check_marks(plugin)
            self._manager.register(plugin, name=name)
            self._check_hooks(plugin)
        except Exception as error:  # noqa: BLE001  whatever a stranger's code raises
            self._disable(name, owner, _describe(error))
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            self._refuse_if_reviewer(plugin, name, _describe(error))

    def offer(self, hook: str, registry: Registry[Any]) -> None:
        """Put what the plugins offer under `hook` into the registry.

        A plugin whose offer is malformed, or clashes with a name already taken, is disabled.
        """
        for name in self.names:
            try:
                for offered in self._caller(hook, name)():
                    registry.register(_checked_offer(hook, offered), owner=f"{name} ({self._owners[name]})")
            except (Exception, SystemExit) as error:  # noqa: BLE001
                self._disable(name, self._owners[name], _describe(error))

    def review_order(
        self, intent: OrderIntent, order: SizedOrder, position: PositionReport
    ) -> tuple[str, ...]:
        """Ask every reviewer; the refusals, each beginning with the plugin's name. Empty: no objection."""
        refusals = [
            f"{name}: offers order review but could not be loaded ({error}); repair or uninstall it"
            for name, error in sorted(self._broken_reviewers.items())
        ]
        for name in self._working_reviewers():
            try:
                answers = self._caller(_REVIEW, name)(intent=intent, order=order, position=position)
                # pluggy leaves out None, which means no objection
                refusals.extend(f"{name}: {_reason(answer)}" for answer in answers)
            except (Exception, SystemExit) as error:  # noqa: BLE001
                self._review_failures += 1
                refusals.append(f"{name}: the review failed: {_describe(error)}")
        return tuple(refusals)

    def _load(self, point: "EntryPoint") -> None:
        owner = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
        try:
            plugin = point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001
            self._disable(point.name, owner, f"cannot be imported: {_describe(error)}")
            return
        self.add(plugin, name=point.name, owner=owner)

    def _disable(self, name: str, owner: str, error: str) -> None:
        self._disabled[name] = DisabledPlugin(name=name, owner=owner, error=error)

    def _check_marks(self, plugin: object) -> None:
        """Without its mark a hook would never be called, and nobody would know."""
        for hook in _HOOKS:
            if hasattr(plugin, hook) and self._manager.parse_hookimpl_opts(plugin, hook) is None:
                raise InvalidInputError(
                    f"{hook} is not marked; decorate it with openoutcry.plugins.hooks.hookimpl"
                )

    def _check_hooks(self, plugin: object) -> None:
        """A misspelled hook would never be called either."""
        for caller in self._manager.get_hookcallers(plugin) or ():
            if not caller.has_spec():
                raise InvalidInputError(
                    f"there is no hook {caller.name!r}; {did_you_mean(caller.name, _HOOKS)}"
                )

    def _refuse_if_reviewer(self, plugin: object, name: str, error: str) -> None:
        """Refuse every order from now on if the plugin meant to review them, as far as its names tell."""
        for attribute in dir(plugin):
            near = difflib.get_close_matches(attribute, _HOOKS, n=1) == [_REVIEW]
            if near or (attribute.startswith("openoutcry_") and "review" in attribute):
                self._broken_reviewers[name] = error

    def _caller(self, hook: str, name: str) -> pluggy.HookCaller:
        """One plugin's share of a hook, so that what one raises is not blamed on another."""
        mine = self._manager.get_plugin(name)
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not mine]
        return self._manager.subset_hook_caller(hook, remove_plugins=others)

    def _working_reviewers(self) -> tuple[str, ...]:
        impls = getattr(self._manager.hook, _REVIEW).get_hookimpls()
        return tuple(sorted({impl.plugin_name for impl in impls}))


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS]


def _checked_offer(hook: str, offered: object) -> Mapping[str, Any]:
    if not isinstance(offered, Mapping):
        raise InvalidInputError(f"{hook} answered a {type(offered).__name__}; a mapping of names is wanted")
    return offered


def _reason(answer: object) -> str:
    if isinstance(answer, str):
        return answer[:MAX_ERROR_CHARS] or "refused without a reason"
    return f"answered a {type(answer).__name__} instead of a reason or None"
