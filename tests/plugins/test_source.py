import os
import sys

import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.source import is_place
from openoutcry.strategies.locate import located, strategy_of
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
        ("", "{path}", "defines no Strategy; derive a class from it"),
        (ONE.format(name="A") + ONE.format(name="B"), "{path}", r"name one of .*py:A, .*py:B"),
        (ONE.format(name="MyIdea"), "{path}:MyIdee", "no class 'MyIdee'; did you mean 'MyIdea'"),
        ("import nowhere_at_all", "{path}", r"\(line 1\): ModuleNotFoundError: .*nowhere_at_all"),
        ("\nraise SystemExit(3)", "{path}", r"idea\.py cannot be imported \(line 2\): SystemExit: 3"),
        ("class", "{path}", "cannot be imported: SyntaxError"),
        ("", "{path}x.py", r"idea.pyx.py cannot be read \(No such file or directory\); give the path"),
        ("", "openoutcry.nowhere:Idea", "module 'openoutcry.nowhere' cannot be imported"),
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
    assert is_place(text) == expected


def test_a_change_of_a_moment_ago_counts_though_time_and_size_are_the_same(source):
    path = source(ONE.format(name="MyIdea"))
    before = path.stat()
    assert strategy_of(str(path)).warmup == 5
    path.write_text(ONE.format(name="MyIdea").replace("= 5", "= 7"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert strategy_of(str(path)).warmup == 7
    assert not list(path.parent.glob("__pycache__"))


def test_a_file_is_run_once_as_long_as_it_stays(source):
    path = source(ONE.format(name="MyIdea"))
    assert type(strategy_of(str(path))) is type(strategy_of(f"{path}:MyIdea"))


def test_a_file_imports_from_its_own_folder_and_a_module_from_the_working_one(source, monkeypatch):
    before = list(sys.path)
    source("SHARE = 0.25", "numbers_of_mine.py")
    text = ONE.format(name="MyIdea").replace("1.0", "SHARE")
    path = source("from numbers_of_mine import SHARE\n" + text, "module_of_mine.py")
    assert strategy_of(str(path)).observe(None).share == 0.25
    monkeypatch.chdir(path.parent)
    assert strategy_of("module_of_mine:MyIdea").observe(None).share == 0.25
    with pytest.raises(InvalidInputError, match=r"for the file in this folder write module_of_mine\.py"):
        strategy_of("module_of_mine")
    assert sys.path == before


def test_what_was_located_is_found_again_from_elsewhere(source, monkeypatch):
    path = source(ONE.format(name="SmaCross"))  # a name that is taken is free for files
    monkeypatch.chdir(path.parent)
    found = located("idea.py:SmaCross")
    monkeypatch.chdir("/")
    assert located(found.text).create({"warmup": 3}).observe(None).reason == "SmaCross"
    assert located("sma_cross").text == "sma-cross"
    assert [each.name for each in found.parameters] == ["warmup"]
