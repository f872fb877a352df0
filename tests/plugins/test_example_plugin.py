"""The example plugin, built and installed for real, and found by another process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "openoutcry-example-plugin"
BROKEN = """
[build-system]
requires = ["hatchling>=1.27,<2"]
build-backend = "hatchling.build"
[project]
name = "openoutcry-broken-plugin"
version = "0.1.0"
[project.entry-points.openoutcry]
broken = "openoutcry_broken_plugin"
"""

# Runs in the other process, with nothing of this one's.
PROGRAM = """
import json
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.opinions import Signal
from openoutcry.domain.orders import OrderIntent, PositionReport, SizedOrder
from openoutcry.models.ensemble import Ensemble
from openoutcry.models.shipped import classifier_registry
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.desk import StrategyDesk
from openoutcry.strategies.shipped import strategy_registry

plugins = Plugins()
plugins.load_installed()
strategies, classifiers = strategy_registry(plugins), classifier_registry(plugins)
ensemble = Ensemble(symbol="X", classifiers=[classifiers.create("volume-surge", {"length": 5})])
desk = StrategyDesk(symbol="X", strategy=strategies.create("new-high", {"warmup": 5}))
votes, answers = [], []
for i in range(20):
    candle = CandleClosed(
        id=f"candle:{i}", symbol="X", open_ns=i, close_ns=i + 1,
        open_ticks=100 + i, high_ticks=102 + i, low_ticks=99 + i, close_ticks=101 + i,
        volume_lots=50 if i == 15 else 10, buy_volume_lots=0, notional=0, trade_count=1,
        first_trade_id=i, last_trade_id=i,
    )
    [classification] = ensemble.decide(candle, 10**18)
    votes += [vote for vote in classification.votes if not vote.abstained]
    answers += [*desk.decide(candle, 10**18), *desk.decide(classification, 10**18)]
intent = next(answer for answer in answers if isinstance(answer, OrderIntent))
order = SizedOrder(
    symbol="X", side="buy", size_lots=1, limit_price_ticks=120, style="immediate", horizon_ns=1, deadline_ns=1
)


def review(open_buy_lots):
    return plugins.review_order(intent, order, PositionReport(
        id="p", symbol="X", position_lots=0, base_atoms=0, cash_atoms=0,
        open_buy_lots=open_buy_lots, open_sell_lots=0, fees_quote_atoms=0, at_ns=1,
    ))


print(json.dumps({
    "names": plugins.names,
    "disabled": [[plugin.name, plugin.owner, plugin.error] for plugin in plugins.disabled],
    "owners": [strategies.owner("new-high"), classifiers.owner("volume-surge")],
    "votes": [[vote.id, vote.up > vote.down, vote.rationale] for vote in votes],
    "signals": [answer.reason for answer in answers if isinstance(answer, Signal)],
    "intent": [intent.id, intent.exposure],
    "reviews": [review(0), review(7)],
}))
"""


def install(package, target):
    uv = shutil.which("uv", path=f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    assert uv is not None, "uv is not there; run `make setup`"
    source = target.parent / package.name
    shutil.copytree(package, source, dirs_exist_ok=True)  # a build may write into its source
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--python",
        sys.executable,
        "--target",
        target,
        source,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    work = tmp_path_factory.mktemp("example")
    target = work / "installed"
    install(EXAMPLE, target)
    broken = tmp_path_factory.mktemp("broken") / "openoutcry-broken-plugin"
    (broken / "openoutcry_broken_plugin").mkdir(parents=True)
    (broken / "pyproject.toml").write_text(BROKEN)
    (broken / "openoutcry_broken_plugin" / "__init__.py").write_text("import a_module_that_is_not_there\n")
    install(broken, target)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    run = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(
        run, capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=work
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_is_found_through_its_entry_point(outcome):
    assert outcome["names"] == ["example"]
    assert outcome["owners"] == ["example (openoutcry-example-plugin 0.1.0)"] * 2


def test_its_classifier_votes(outcome):
    assert outcome["votes"] == [["vote:volume-surge:candle:15", True, "volume 5.0 times the median"]]


def test_its_strategy_signals(outcome):
    assert outcome["signals"] == [f"closed at {ticks} ticks" for ticks in range(113, 121)]
    assert outcome["intent"] == ["intent:new-high:candle:12", 1.0]


def test_its_review_refuses_and_does_not_object(outcome):
    assert outcome["reviews"] == [[], ["example: intent:new-high:candle:12: 7 lots are still being bought"]]


def test_a_broken_neighbour_is_named_and_does_no_harm(outcome):
    [[name, owner, error]] = outcome["disabled"]
    assert (name, owner) == ("broken", "openoutcry-broken-plugin 0.1.0")
    assert error == "cannot be imported: ModuleNotFoundError: No module named 'a_module_that_is_not_there'"
