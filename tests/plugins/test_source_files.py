import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.source_files import is_source
from openoutcry.strategies.locate import strategy_of
from openoutcry.strategies.sma_cross import SmaCross

ONE = """
from openoutcry.strategies.strategy import Candles, Strategy
from openoutcry.strategies.sma_cross import SmaCross


class {name}(Strategy, frozen=True):
    warmup: Candles = 5

    def observe(self, market):
        return self.hold(1.0, "{name}")
"""


@pytest.fixture
def source(tmp_path):
    def write(text, name="idea.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_strategy_is_found_by_name_file_or_module(source):
    path = source(ONE.format(name="MyIdea"))
    assert strategy_of("sma_cross", {"fast": 3}) == SmaCross(fast=3)
    assert strategy_of("openoutcry.strategies.sma_cross:SmaCross", {"fast": 3}) == SmaCross(fast=3)
    for text in (str(path), f"{path}:MyIdea"):
        strategy = strategy_of(text, {"warmup": 9})
        assert (strategy.name, strategy.warmup) == ("my-idea", 9)
    assert strategy_of(f"{path}:SmaCross").name == "sma-cross"  # imported there, but named


def test_a_file_is_read_anew_and_files_of_one_name_do_not_mix(source, tmp_path):
    first = source(ONE.format(name="MyIdea"))
    (tmp_path / "other").mkdir()
    second = tmp_path / "other" / "idea.py"
    second.write_text(ONE.format(name="Another"))
    assert (strategy_of(str(first)).name, strategy_of(str(second)).name) == ("my-idea", "another")
    first.write_text(ONE.format(name="ChangedMyMind"))
    assert strategy_of(str(first)).name == "changed-my-mind"


@pytest.mark.parametrize(
    ("text", "place", "match"),
    [
        ("", "{path}", "has no class derived from Strategy; write one"),
        (ONE.format(name="A") + ONE.format(name="B"), "{path}", r"2 classes \(A, B\).*name one, as .*py:A"),
        (ONE.format(name="MyIdea"), "{path}:MyIdee", "no Strategy named 'MyIdee'.*did you mean 'MyIdea'"),
        ("import nowhere_at_all", "{path}", "cannot be loaded: ModuleNotFoundError: .*nowhere_at_all"),
        ("raise SystemExit(3)", "{path}", "cannot be loaded: SystemExit: 3"),
        ("class", "{path}", "cannot be loaded: SyntaxError"),
        ("", "{path}x.py", "there is no file .*idea.pyx.py; give the path"),
        ("", "openoutcry.nowhere:Idea", "openoutcry.nowhere cannot be loaded"),
        (ONE.format(name="MyIdea"), "{path}", "'my-idea' has no parameter 'fast'; known: warmup"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_its_remedy(source, text, place, match):
    path = source(text)
    with pytest.raises(InvalidInputError, match=match):
        strategy_of(place.format(path=path), {"fast": 1})


@pytest.mark.parametrize(
    ("text", "expected"), [("sma_cross", False), ("sma-cross", False), ("a.py", True), ("a.b:C", True)]
)
def test_names_and_sources_are_told_apart(text, expected):
    assert is_source(text) == expected
