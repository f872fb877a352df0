from functools import partial

import pytest

from openoutcry.domain.errors import ConfigurationError, InvalidInputError
from openoutcry.plugins.registry import Registry, did_you_mean


class Voice:
    def __init__(self, *, pitch=440, loudness=1):
        if pitch < 0:
            raise InvalidInputError("pitch must not be negative")
        self.pitch, self.loudness = pitch, loudness


def raising(error):
    raise error


@pytest.fixture
def registry():
    registry = Registry("voice", Voice)
    registry.register({"alto": Voice}, owner="openoutcry")
    return registry


def test_makes_what_a_name_stands_for(registry):
    assert registry.create("alto", {"pitch": 200}).pitch == 200
    assert registry.create("alto").pitch == 440
    assert registry.names == ("alto",)
    assert registry.owner("alto") == "openoutcry"


def test_a_taken_name_names_both_owners_and_nothing_is_added(registry):
    with pytest.raises(InvalidInputError, match=r"'alto' of choir 1.0 is already registered by openoutcry"):
        registry.register({"bass": Voice, "alto": Voice}, owner="choir 1.0")
    assert registry.names == ("alto",)


@pytest.mark.parametrize(("name", "factory"), [("", Voice), (7, Voice), ("bass", "Voice"), ("bass", None)])
def test_malformed_entries_are_refused(registry, name, factory):
    with pytest.raises(InvalidInputError, match=r"choir 1.0"):
        registry.register({name: factory}, owner="choir 1.0")
    assert registry.names == ("alto",)


def test_unknown_names_get_a_hint(registry):
    with pytest.raises(InvalidInputError, match=r"unknown voice 'atlo'; did you mean 'alto'. known: alto"):
        registry.create("atlo")
    with pytest.raises(
        InvalidInputError, match=r"no parameter 'pich'; did you mean 'pitch'. known: loudness, pitch"
    ):
        registry.create("alto", {"pich": 3})
    assert did_you_mean("xyz", []) == "known: none"


@pytest.mark.parametrize(
    ("factory", "match"),
    [
        (lambda: 3, "is a int, not a Voice"),
        (partial(raising, ZeroDivisionError("oops")), "could not be made: ZeroDivisionError: oops"),
        (partial(raising, ConfigurationError("no key")), "no key"),
        (partial(Voice, pitch=-1), "pitch must not be negative"),
    ],
    ids=["other-product", "raises", "raises-ours", "bad-parameter"],
)
def test_a_factory_that_fails_is_named(registry, factory, match):
    registry.register({"odd": factory}, owner="choir 1.0")
    with pytest.raises(InvalidInputError, match=match):
        registry.create("odd")


def test_free_parameters_are_the_factorys_business(registry):
    registry.register({"free": lambda **given: Voice(pitch=given["hertz"])}, owner="choir 1.0")
    assert registry.create("free", {"hertz": 50}).pitch == 50
