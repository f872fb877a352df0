"""A paper run of a recording beside a backtest of it: the same decisions, and orders but for the latency."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from demo_process import SHARED_DATA, Demo, decisions

from openoutcry.assembly.replay_pace import in_market_time
from openoutcry.assembly.settings import Settings, load_settings
from openoutcry.backtesting.compare import compare
from openoutcry.backtesting.journals import read_run
from openoutcry.backtesting.recorded_frames import survey
from openoutcry.backtesting.replay_run import run_recording
from openoutcry.backtesting.traded import traded_in_backtest, traded_in_run
from openoutcry.domain.orders import Approved, OrderIntent
from openoutcry.domain.units import NS_PER_S
from openoutcry.strategies.locate import strategy_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"no recordings in {SHARED_DATA}"),
]

RECORDING = SHARED_DATA / "binance_l2_2024" / "spot_btcusdt_20240808.raw.zst"
STRATEGY = "model-directed"
# A busy machine's millisecond is four of the market's. Behind the first 250 s the price falls so fast that
# a limit may be out of reach by then: what follows in the two runs is explained, but no longer the same.
SPEED = 4.0
DURATION_S = 250


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The paper run's folder, the backtest's result, and its messages by kind and id."""
    state = tmp_path_factory.mktemp("parity")
    config = state / "settings.toml"
    config.write_text(f'[strategy]\nname = "{STRATEGY}"\n')
    arguments = ("--speed", f"{SPEED:g}", "--duration", str(DURATION_S), "--data", str(RECORDING))
    with Demo(state, "--paper", "--config", str(config), *arguments, command=("run",)) as paper:
        code, summary, err = paper.finish()
    assert code == 0, (summary.get("problems"), err)
    run_dir = Path(summary["journal_path"]).parent
    settings = msgspec.convert(read_run(run_dir).record.settings, Settings)
    told = {}
    result = run_recording(
        survey(RECORDING, "BTC/USDT", duration_ns=DURATION_S * NS_PER_S),
        strategy_of(STRATEGY),
        settings,
        speed=SPEED,
        witness=lambda message: told.setdefault(type(message).__name__, {}).update({message.id: message}),
    )
    return run_dir, result, told


def test_the_market_is_the_same(runs):
    run_dir, result, _ = runs
    assert read_run(run_dir).record.data_hash == result.datasets[0].sha256


@pytest.mark.parametrize("kind", ["CandleClosed", "Classification", "Signal"])
def test_candles_opinions_and_signals_are_the_same_byte_for_byte(runs, kind):
    run_dir, _, told = runs
    backtested = {name: msgspec.json.encode(message) for name, message in told[kind].items()}
    assert len(backtested) > 15
    assert backtested == decisions(run_dir, kind)


def test_intents_are_the_same_but_for_the_clock(runs):
    """Horizon and deadline are by the wall clock in one and in the market's time in the other."""
    run_dir, _, told = runs
    live = {
        name: msgspec.json.decode(payload, type=OrderIntent)
        for name, payload in decisions(run_dir, "OrderIntent").items()
    }
    assert len(live) > 3
    for name, intent in told["OrderIntent"].items():
        assert intent.horizon_ns == SPEED * live[name].horizon_ns
        same = msgspec.structs.replace(
            live[name], horizon_ns=intent.horizon_ns, deadline_ns=intent.deadline_ns
        )
        assert intent == same
    assert told["OrderIntent"].keys() == live.keys()


def test_risk_judges_the_same(runs):
    """The same wishes refused by the same checks; sizes follow the account, which differs by prices."""
    run_dir, _, told = runs
    live = {
        name: msgspec.json.decode(payload, type=Approved)
        for name, payload in decisions(run_dir, "Approved").items()
    }
    assert told["Approved"].keys() == live.keys()
    for name, approved in told["Approved"].items():
        assert approved.order.side == live[name].order.side
        assert approved.order.size_lots == pytest.approx(live[name].order.size_lots, rel=0.001)
    refused = Counter((each.intent_id, each.check) for each in told["Refused"].values())
    assert refused == Counter((each.intent_id, each.check) for each in read_run(run_dir).refusals)


def test_every_difference_has_a_cause_and_together_they_are_that_of_the_profits(runs):
    run_dir, result, _ = runs
    left, right = traded_in_run(read_run(run_dir)), traded_in_backtest(result)
    found = compare(left, right)
    assert left.orders.keys() == right.orders.keys()
    assert found.matched == len(right.orders) > 3
    assert found.effects_atoms["unexplained"] == 0
    assert sum(found.effects_atoms.values()) == right.net_atoms - left.net_atoms
    for difference in found.differences:
        assert difference.latency_ns is not None, difference  # the replay's pace tells it
        assert difference.why
        assert abs(difference.price_bps) < 10  # no order meets another market


def test_at_its_own_pace_the_durations_are_the_settings(runs):
    """What the two runs were told differs by the speed alone."""
    _, result, _ = runs
    assert (
        in_market_time(load_settings(None), SPEED).risk.alert_cool_down_ns
        == (result.settings["risk"]["alert_cool_down_ns"])
    )
