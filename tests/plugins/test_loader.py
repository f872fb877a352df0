import re
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.orders import OrderIntent, PositionReport, SizedOrder
from openoutcry.domain.units import Atoms, PriceTicks, SizeLots, TimestampNs
from openoutcry.plugins.hooks import hookimpl
from openoutcry.plugins.loader import MAX_ERROR_CHARS, Plugins
from openoutcry.plugins.registry import Registry

NOW = TimestampNs(10**18)
ORDER = SizedOrder(
    symbol="BTC/USDT",
    side="buy",
    size_lots=SizeLots(5),
    limit_price_ticks=PriceTicks(100),
    style="immediate",
    horizon_ns=1,
    deadline_ns=NOW,
)
INTENT = OrderIntent(
    id="intent:1",
    symbol="BTC/USDT",
    strategy="s",
    exposure=1.0,
    reference_price_ticks=PriceTicks(100),
    volatility=0.01,
    candle_seconds=5.0,
    style="immediate",
    horizon_ns=1,
    event_ns=NOW,
    deadline_ns=NOW,
)
POSITION = PositionReport(
    id="position:1",
    symbol="BTC/USDT",
    position_lots=SizeLots(0),
    base_atoms=Atoms(0),
    cash_atoms=Atoms(0),
    open_buy_lots=SizeLots(0),
    open_sell_lots=SizeLots(0),
    fees_quote_atoms=Atoms(0),
    at_ns=NOW,
)


def raising(error):
    raise error


def no_offers():
    return {}


def offering(make):
    return SimpleModule(openoutcry_strategies=hookimpl(make))


def reviewing(make):
    return SimpleModule(openoutcry_review_order=hookimpl(make))


class SimpleModule(SimpleNamespace):
    """Stands for a plugin's module: attributes that are functions. Hashable, as modules are."""

    __hash__ = object.__hash__


def loaded(**plugins):
    all_plugins = Plugins()
    for name, plugin in plugins.items():
        all_plugins.add(plugin, name=name, owner=f"{name}-package 1.0")
    return all_plugins


def review(plugins):
    return plugins.review_order(INTENT, ORDER, POSITION)


def offered(plugins):
    registry = Registry("strategy", object)
    registry.register({"ours": object}, owner="openoutcry")
    plugins.offer("openoutcry_strategies", registry)
    return registry


def test_offers_are_registered_with_their_owner():
    registry = offered(loaded(good=offering(lambda: {"theirs": dict})))
    assert registry.names == ("ours", "theirs")
    assert registry.owner("theirs") == "good (good-package 1.0)"


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: raising(ZeroDivisionError("oops")), "ZeroDivisionError: oops"),
        (lambda: raising(SystemExit(1)), "SystemExit: 1"),
        (lambda: ["theirs"], "answered a list; a mapping of names is wanted"),
        (lambda: {"ours": dict}, "'ours' of bad .bad-package 1.0. is already registered by openoutcry"),
        (lambda: {"theirs": 7}, "give a class or a function"),
        (lambda: raising(ValueError("x" * 10_000)), "^ValueError: x{400}"),
    ],
    ids=["raises", "exits", "no-mapping", "clash", "no-factory", "long-error"],
)
def test_a_bad_offer_disables_its_plugin_and_the_others_go_on(make, match):
    plugins = loaded(bad=offering(make), good=offering(lambda: {"fine": dict}))
    assert offered(plugins).names == ("fine", "ours")
    [bad] = plugins.disabled
    assert (bad.name, bad.owner) == ("bad", "bad-package 1.0")
    assert len(bad.error) <= MAX_ERROR_CHARS
    with pytest.raises(ConfigurationError, match=r"required plugin 'bad' of bad-package 1\.0 is disabled"):
        plugins.require(["good", "bad"])
    assert re.search(match, bad.error)
    assert plugins.names == ("good",)
    assert plugins.counters == {"plugins_loaded": 1, "plugins_disabled": 1, "plugin_review_failures": 0}


def test_two_plugins_of_one_name_are_told_apart():
    plugins = loaded(twin=offering(no_offers))
    plugins.add(offering(no_offers), name="twin", owner="other 2.0")
    [bad] = plugins.disabled
    assert bad.name == "twin (other 2.0)"
    assert "already taken by twin-package 1.0" in bad.error
    assert plugins.names == ("twin",)


def test_a_missing_required_plugin_gets_a_hint():
    with pytest.raises(ConfigurationError, match=r"'god' is not installed; did you mean 'good'"):
        loaded(good=offering(no_offers)).require(["god"])
    loaded(good=offering(no_offers)).require(["good"])


def test_no_reviewer_no_objection():
    assert review(Plugins()) == ()
    assert review(loaded(a=reviewing(lambda order: None), b=offering(no_offers))) == ()


def test_every_veto_is_heard_with_its_plugins_name():
    plugins = loaded(
        b=reviewing(lambda order: "too large" if order.size_lots > 4 else None),
        a=reviewing(lambda intent, position: f"{intent.strategy} has {position.position_lots}"),
        c=reviewing(lambda: None),
    )
    assert review(plugins) == ("a: s has 0", "b: too large")
    assert plugins.reviewers == ("a", "b", "c")


@settings(derandomize=True, deadline=None)
@given(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.binary(),
        st.just(""),
        st.lists(st.text()),
        st.just(Ellipsis),
    )
)
def test_no_answer_can_approve(answer):
    plugins = loaded(approving=reviewing(lambda: answer), refusing=reviewing(lambda: "no"))
    refusals = review(plugins)
    assert len(refusals) == 2
    assert refusals[1] == "refusing: no"


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), SystemExit(0)], ids=["raises", "exits"])
def test_a_review_that_raises_has_refused_and_goes_on_refusing(error):
    plugins = loaded(bad=reviewing(lambda: raising(error)), good=reviewing(lambda: None))
    for count in range(1, 4):
        [refusal] = review(plugins)
        assert refusal.startswith(f"bad: the review failed: {type(error).__name__}")
        assert plugins.counters["plugin_review_failures"] == count


def test_a_wrapper_cannot_wave_an_order_through():
    @hookimpl(wrapper=True)
    def openoutcry_review_order():
        yield
        return []

    plugins = loaded(
        wrapping=SimpleModule(openoutcry_review_order=openoutcry_review_order),
        refusing=reviewing(lambda: "no"),
    )
    assert "refusing: no" in review(plugins)


def test_a_reviewer_with_a_bad_offer_still_reviews():
    module = reviewing(lambda: "no")
    module.openoutcry_strategies = hookimpl(lambda: raising(ValueError("oops")))
    plugins = loaded(half=module)
    assert offered(plugins).names == ("ours",)
    assert plugins.names == ()
    assert review(plugins) == ("half: no",)


@pytest.mark.parametrize(
    ("attributes", "match"),
    [
        ({"openoutcry_review_order": hookimpl(lambda oder: None)}, "declared in the hookimpl but"),
        ({"openoutcry_review_order": lambda order: None}, "not marked; decorate it with"),
        ({"openoutcry_reviw_order": hookimpl(lambda: None)}, "no hook 'openoutcry_reviw_order'"),
        ({"openoutcry_order_review": hookimpl(lambda: None)}, "did you mean"),
    ],
    ids=["wrong-argument", "unmarked", "misspelled", "misnamed"],
)
def test_a_reviewer_that_cannot_be_registered_refuses_everything(attributes, match):
    plugins = loaded(broken=SimpleModule(**attributes))
    [bad] = plugins.disabled
    assert match in bad.error
    [refusal] = review(plugins)
    assert refusal.startswith("broken: offers order review but could not be loaded")
    assert plugins.reviewers == ("broken",)


def test_an_unhashable_plugin_is_disabled():
    class Unhashable:
        __hash__ = None

    assert "unhashable" in loaded(bad=Unhashable()).disabled[0].error


def test_a_misspelled_hook_disables_its_plugin_but_refuses_nothing():
    plugins = loaded(bad=SimpleModule(openoutcry_strategys=hookimpl(no_offers)))
    assert "did you mean 'openoutcry_strategies'" in plugins.disabled[0].error
    assert review(plugins) == ()
