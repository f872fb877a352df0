import hashlib
from pathlib import Path

import pytest

from openoutcry.strategies.authorship import own_source_sha256
from openoutcry.strategies.combination import Combination
from openoutcry.strategies.locate import strategy_of
from openoutcry.strategies.sma_cross import SmaCross

CODE = """
from openoutcry.strategies.strategy import Strategy


class Mine(Strategy, frozen=True):
    warmup: int = 5

    def observe(self, market):
        return self.hold({share}, "mine")
"""
DERIVED = """
from mine import Mine


class Other(Mine, frozen=True):
    warmup: int = 6
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CODE.format(share=1.0))
    return path


def test_what_is_shipped_has_its_version(mine):
    assert own_source_sha256(SmaCross()) == ""
    assert own_source_sha256(Combination(members=(SmaCross(),), weights=(1.0,), warmup=100)) == ""
    assert own_source_sha256(strategy_of(str(mine))) != ""


def test_a_file_has_the_hash_of_what_was_read(mine):
    content = mine.read_bytes()
    strategy = strategy_of(str(mine))
    mine.write_text(CODE.format(share=0.5))  # edited meanwhile: what runs is the first
    assert own_source_sha256(strategy) == hashlib.sha256(content).hexdigest()
    assert own_source_sha256(strategy_of(str(mine))) == hashlib.sha256(mine.read_bytes()).hexdigest()


def test_members_and_bases_of_ones_own_count(mine, monkeypatch):
    own = strategy_of(str(mine))
    combined = Combination(members=(SmaCross(), own), weights=(1.0, 1.0), warmup=100)
    assert own_source_sha256(combined) == own_source_sha256(own)
    monkeypatch.syspath_prepend(mine.parent)
    derived = mine.with_name("derived.py")
    derived.write_text(DERIVED)
    assert own_source_sha256(strategy_of(str(derived))) not in {
        own_source_sha256(own),
        hashlib.sha256(derived.read_bytes()).hexdigest(),
    }


def test_the_class_of_a_package_has_the_hash_of_its_file():
    strategy = strategy_of("tests.backtesting.candle_pairs:Apart")
    content = Path(strategy.observe.__code__.co_filename).read_bytes()
    assert own_source_sha256(strategy) == hashlib.sha256(content).hexdigest()
