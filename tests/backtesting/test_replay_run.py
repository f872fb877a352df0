from fractions import Fraction

import msgspec
import pytest
from tests.backtesting.replayed_market import SYMBOL, replayed, write_recording

from openoutcry.backtesting.recorded_frames import survey
from openoutcry.backtesting.result_files import write_result
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.market import CandleClosed, VenueStatus
from openoutcry.domain.opinions import Classification, Signal
from openoutcry.domain.orders import Fill, OrderIntent
from openoutcry.domain.units import NS_PER_MS, NS_PER_S
from openoutcry.exchanges.recording import split_line
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.model_directed import ModelDirected
from openoutcry.strategies.momentum import MovingAverageCross
from openoutcry.strategies.order_flow_imbalance import OrderFlowImbalance


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "market.raw"
    return path, write_recording(path)


@pytest.fixture(scope="module")
def run(recording):
    return replayed(recording[0], MovingAverageCross())


def told(messages, kind):
    return [each for each in messages if isinstance(each, kind)]


def test_the_same_data_and_seed_give_the_same_bytes(recording, run, tmp_path):
    for name, result in (("one", run[0]), ("two", replayed(recording[0], MovingAverageCross())[0])):
        write_result(tmp_path / name, result)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
    assert len(run[0].fills) > 3


def test_candles_are_the_recordings_own(recording, run):
    """By plain arithmetic on the trades behind the snapshot, without the first candle and the last."""
    candles, is_begun = {}, False
    for line in recording[1]:
        frame = split_line(line)[1]
        if b'"lastUpdateId"' in frame[:20]:
            is_begun = True
        if is_begun and b'"e":"trade"' in frame[:80]:
            trade = msgspec.json.decode(frame)["data"]
            candles.setdefault(trade["T"] // 5_000, []).append((trade["p"], trade["q"], trade["t"]))
    expected = [
        (
            (slot + 1) * 5 * NS_PER_S,
            round(float(trades[-1][0]) * 100),
            sum(round(float(size) * 100_000) for _, size, _ in trades),
            trades[-1][2],
        )
        for slot, trades in sorted(candles.items())
    ][1:-1]
    seen = [
        (each.close_ns, each.close_ticks, each.volume_lots, each.last_trade_id)
        for each in told(run[1], CandleClosed)
    ]
    assert seen == expected


def test_the_account_is_its_fills_with_fees_in_what_was_received(run):
    result = run[0]
    rules = result.instruments[SYMBOL]
    cash, base = Fraction(result.opening_atoms), Fraction(0)
    for fill in result.fills:
        sign = 1 if fill.side == "buy" else -1
        cash -= sign * fill.price_ticks * fill.size_lots * rules.atoms_per_tick_lot
        base += sign * fill.size_lots * rules.base_atoms_per_lot
        assert fill.fee_asset == (rules.base if fill.side == "buy" else rules.quote)
        received = (
            fill.size_lots * rules.base_atoms_per_lot
            if fill.side == "buy"
            else rules.notional_atoms(fill.price_ticks, fill.size_lots)
        )
        assert fill.fee_atoms == -(-received // 1_000)  # 10 basis points, rounded against us
        if fill.side == "buy":
            base -= fill.fee_atoms
        else:
            cash -= fill.fee_atoms
    price = Fraction(int(result.curve.price_ticks[-1]) * rules.atoms_per_tick_lot, rules.base_atoms_per_lot)
    worth = cash + base * price
    assert result.curve.equity_atoms[-1] == worth.numerator // worth.denominator
    assert result.curve.benchmark_atoms[-1] != result.opening_atoms


def test_what_is_yet_to_come_changes_nothing(recording, run):
    _, part, data = replayed(recording[0], MovingAverageCross(), duration_s=150)
    whole = [each for each in run[1] if not isinstance(each, VenueStatus)]
    for kind in (CandleClosed, Classification, Signal):
        begun = told(part, kind)
        assert begun
        assert begun == told(whole, kind)[: len(begun)]
    before = [fill for fill in told(part, Fill) if fill.at_ns <= data.last_ns]
    assert before
    prices = [(fill.price_ticks, fill.size_lots, fill.at_ns) for fill in before]
    assert prices == [(each.price_ticks, each.size_lots, each.at_ns) for each in run[0].fills[: len(before)]]


def test_the_classifiers_are_asked_and_their_opinion_is_followed(recording):
    _, messages, _ = replayed(recording[0], ModelDirected())
    opinions = {each.id for each in told(messages, Classification)}
    assert len(opinions) == len(told(messages, CandleClosed))
    signals = told(messages, Signal)
    assert signals
    assert {each.cause_id for each in signals} <= opinions


def test_a_strategy_sees_the_books_features(recording):
    _, messages, _ = replayed(recording[0], OrderFlowImbalance(threshold=0.01))
    signals = told(messages, Signal)
    assert signals
    assert all(each.reason.startswith("order flow") for each in signals)
    assert len({each.reason for each in signals}) > 3


def test_orders_reach_the_venue_a_latency_after_their_cause(recording):
    for latency_ms in (0, 700):
        above = {"backtest.order_latency_ns": latency_ms * NS_PER_MS}
        result, messages, _ = replayed(recording[0], MovingAverageCross(), above=above)
        caused = {each.id: each.event_ns for each in told(messages, OrderIntent)}
        late = [
            fill.at_ns - caused[fill.parent_id.removesuffix(":approved")]
            for fill in result.fills
            if fill.client_order_id.endswith("-0-0")
        ]
        assert late
        # The venue's times are whole ms; a candle is known when the next one's first trade comes.
        assert min(late) >= (latency_ms - 1) * NS_PER_MS
        assert min(late) < (latency_ms + 500) * NS_PER_MS


def test_a_strategy_that_quotes_is_refused(recording):
    with pytest.raises(InvalidInputError, match="quotes"):
        replayed(recording[0], MarketMaker())


def written(path, lines):
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def test_bad_recordings_are_refused_with_their_line(recording, tmp_path):
    lines = recording[1]
    bad = tmp_path / "bad.raw"
    with pytest.raises(InvalidInputError, match=r"line 41 of .*bad.raw goes back in time"):
        survey(written(bad, [*lines[:40], lines[20], *lines[40:]]), SYMBOL)
    with pytest.raises(InvalidInputError, match=r"line 101 of .*not a recorded line"):
        survey(written(bad, [*lines[:100], lines[100][:-9], *lines[101:]]), SYMBOL)
    without = [line for line in lines if b'"lastUpdateId"' not in line[:60]]
    with pytest.raises(MissingDataError, match="no depth snapshot"):
        replayed(written(bad, without), MovingAverageCross())
    with pytest.raises(MissingDataError, match="before a candle closes"):
        replayed(written(bad, lines[:200]), MovingAverageCross())


def test_a_clock_that_runs_behind_is_moved_so_that_nothing_is_known_early(recording, tmp_path):
    late_ns = 1_300 * NS_PER_MS
    behind = []
    for line in recording[1]:
        received_ns, frame = split_line(line)
        behind.append(b"%d %b" % (received_ns - late_ns, frame))
    path = written(tmp_path / "behind.raw", behind)
    right, wrong = survey(recording[0], SYMBOL), survey(path, SYMBOL)
    assert right.shift_ns == 0
    assert 0 < wrong.shift_ns <= late_ns + NS_PER_MS
    assert [each.kind for each in wrong.dataset.findings] == ["clock_skew"]
    assert any("are moved by" in each for each in replayed(path, MovingAverageCross())[0].assumptions)


def test_a_hole_in_the_tape_costs_candles_and_the_rest_is_right(recording, run, tmp_path):
    lines = recording[1]
    trades = [row for row, line in enumerate(lines) if b'"e":"trade"' in line[:120]]
    middle = trades[len(trades) // 2]
    path = written(tmp_path / "hole.raw", [*lines[:middle], *lines[middle + 1 :]])
    _, messages, _ = replayed(path, MovingAverageCross())
    whole = {each.id: each for each in told(run[1], CandleClosed)}
    seen = {each.id: each for each in told(messages, CandleClosed)}
    assert 0 < len(whole) - len(seen) <= 2
    assert all(whole[name] == candle for name, candle in seen.items())
