import multiprocessing

import msgspec
import numpy as np
import pytest

from openoutcry.backtesting.result import BacktestResult, Curve, DatasetRecord, Finding
from openoutcry.backtesting.result_files import CURVE_FILE, RESULT_FILE
from openoutcry.backtesting.run_store import RunRow, RunStore, row_of
from openoutcry.domain.errors import InvalidInputError, JournalError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import NS_PER_S

DAY_NS = 86_400 * NS_PER_S
INSTRUMENT = Instrument(
    venue="test",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.01",
    size_step="0.001",
    min_size_lots=1,
    max_size_lots=10**9,
    min_notional_atoms=1,
)


def result_of(*, fast=10, seed=1, settings_hash="s", sha256="d" * 64, days=100, parameters=None, **changes):
    given = {"versions": {"core": "1"}} | changes
    rng = np.random.default_rng(fast)
    equity = np.rint(1e13 * np.exp(np.cumsum(rng.normal(0.001, 0.01, days)))).astype(np.int64)
    dataset = DatasetRecord(
        name="data",
        path="data.parquet",
        kind="candles",
        venue="test",
        symbol="BTC/USDT",
        first_ns=0,
        last_ns=days * DAY_NS,
        rows=days,
        sha256=sha256,
        findings=(Finding(severity="note", kind="gap", count=1, row=3, detail="d", remedy="r"),),
    )
    fill = Fill(
        id="fill:1",
        cause_id="order:1",
        symbol="BTC/USDT",
        parent_id="p",
        client_order_id="c",
        venue_order_id="v",
        trade_id="t1",
        side="buy",
        price_ticks=100,
        size_lots=2,
        fee_atoms=3,
        fee_asset="USDT",
        liquidity="taker",
        at_ns=4,
    )
    return BacktestResult(
        run_id="whatever",
        strategy="sma-cross",
        parameters=parameters or {"warmup": 100, "fast": fast},
        instruments={"ZZZ/USDT": INSTRUMENT, "BTC/USDT": INSTRUMENT},
        datasets=(dataset,),
        seed=seed,
        settings={
            "risk": {"max_weight": 0.1, "name": settings_hash},
            "seed": seed,
            "strategy": {"name": "x", "parameters": {"fast": fast}, "intents": {"long_only": True}},
        },
        config_hash=settings_hash,
        opening_atoms=10**13,
        curve=Curve(np.arange(1, days + 1) * DAY_NS, equity, equity, equity % 7, equity // 10**9),
        fills=(fill,),
        fees_atoms=2**60 + 1,
        funding_atoms=-3,
        counts={"intents": 2},
        refusals={"size": 1},
        assumptions=("a",),
        halt_reason="none",
        wall_s=1.25,
        **given,
    )


def test_a_result_comes_back_exactly(tmp_path):
    result = result_of()
    with RunStore(tmp_path) as store:
        folder = store.save(result, verdict="Good.")
        loaded = store.load(folder.name)
        row = store.find(folder.name)
    assert loaded.run_id == folder.name == row.run_id
    for name in BacktestResult.__slots__:
        if name not in {"run_id", "curve"}:
            assert getattr(loaded, name) == getattr(result, name), name
    for name in Curve.__slots__:
        column = getattr(loaded.curve, name)
        assert column.dtype == np.int64
        assert np.array_equal(column, getattr(result.curve, name))
    assert loaded.symbol == "ZZZ/USDT"  # the order of the instruments says which is first
    values = np.diff(np.concatenate(([10**13], result.curve.equity_atoms)).astype(float))
    returns = values / np.concatenate(([10**13], result.curve.equity_atoms[:-1]))
    assert row.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert (row.kind, row.verdict, row.periods, row.fills) == ("run", "Good.", 100, 1)


def test_the_same_run_has_the_same_id_and_the_same_bytes(tmp_path):
    contents = []
    for state in (tmp_path / "one", tmp_path / "other"):
        with RunStore(state) as store:
            folder = store.save(result_of())
        contents.append((folder.name, *((folder / name).read_bytes() for name in (RESULT_FILE, CURVE_FILE))))
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    "change",
    [
        {"fast": 11},
        {"seed": 2},
        {"settings_hash": "t"},
        {"sha256": "e" * 64},
        {"days": 99},
        {"source_sha256": "a" * 64},
        {"versions": {"openoutcry": "9"}},
    ],
)
def test_another_run_has_another_id(change):
    assert row_of(result_of(**change)).run_id != row_of(result_of()).run_id


def test_a_strategys_own_source_counts_and_not_the_version_that_it_ran_on(tmp_path):
    own = [result_of(source_sha256=each, versions={"openoutcry": version}) for each, version in
           (("a" * 64, "1"), ("a" * 64, "2"), ("b" * 64, "1"))]  # fmt: skip
    ids = [row_of(each).run_id for each in own]
    assert ids[0] == ids[1] != ids[2]
    with RunStore(tmp_path) as store:
        for each in own:
            store.save(each)
        tried = store.trials_of("sma-cross", "d" * 64)
        assert sorted(row.source_sha256 for row in tried) == ["a" * 64, "b" * 64]
        assert store.load(ids[2]).source_sha256 == "b" * 64
        store.save(result_of(versions={"openoutcry": "1"}))
        store.save(result_of(versions={"openoutcry": "2"}))  # the same try, by another version
        assert len(store.runs()) == 4
        assert len(store.trials_of("sma-cross", "d" * 64)) == 3


def test_every_distinct_try_counts_once(tmp_path):
    with RunStore(tmp_path) as store:
        store.add([row_of(result_of(fast=fast), "trial", study="s") for fast in (5, 6, 7, 7)])
        store.add([row_of(result_of(fast=5), "trial")])  # again
        store.save(result_of(fast=6))  # again, by hand
        store.save(result_of(fast=6, seed=9))  # another seed is no new try
        store.save(result_of(fast=6, parameters={"fast": 6, "warmup": 100}))  # in another order
        store.save(result_of(fast=8, parameters={"from": {}}), "walk-forward")  # made of trials
        assert len(store.trials_of("sma-cross", "d" * 64)) == 3
        store.save(result_of(fast=6, settings_hash="dearer"))
        store.save(result_of(fast=6, days=50))
        assert len(store.trials_of("sma-cross", "d" * 64)) == 5
        assert store.trials_of("sma-cross", "e" * 64) == store.trials_of("breakout", "d" * 64) == ()


def test_a_trial_that_is_run_by_hand_becomes_a_run_and_stays_one(tmp_path):
    with RunStore(tmp_path) as store:
        trial = row_of(result_of(), "trial", study="s")
        store.add([msgspec.structs.replace(trial, net_atoms=1, sharpe=9.0)])
        assert store.runs() == ()
        with pytest.raises(MissingDataError, match="run it again"):
            store.load(trial.run_id)
        store.save(result_of())
        store.add([trial])
        (row,) = store.runs()
        assert (row.kind, row.study) == ("run", "s")
        assert (row.net_atoms, row.sharpe) == (result_of().net_atoms, trial.sharpe)  # the exact figures


def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path):
    with RunStore(tmp_path) as store:
        with pytest.raises(MissingDataError, match="no backtest"):
            store.find("b-0")
        names = [store.save(result_of(fast=fast)).name for fast in range(3)]
        assert store.find(names[1][:-1]).run_id == names[1]
        with pytest.raises(InvalidInputError, match="3 backtests begin"):
            store.find("b-")
        with pytest.raises(InvalidInputError, match="there is no backtest"):
            store.find("b-zzz")
        with pytest.raises(InvalidInputError, match="no run's id"):
            store.find("../*")


def test_what_never_traded_has_no_sharpe(tmp_path):
    result = result_of()
    result.curve.equity_atoms[:] = 10**13
    row = row_of(result)
    assert (row.sharpe, row.skew, row.kurtosis, row.net_atoms) == (None, None, None, 0)
    with RunStore(tmp_path) as store:
        store.add([row])
        assert store.trials_of("sma-cross", "d" * 64)[0].sharpe is None


def test_a_damaged_result_or_store_is_refused_in_words(tmp_path):
    with RunStore(tmp_path) as store:
        folder = store.save(result_of())
        (folder / CURVE_FILE).write_bytes(b"nothing")
        with pytest.raises(MissingDataError, match="run it again"):
            store.load(folder.name)
        path = store.path
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(JournalError, match="damaged"):
        RunStore(tmp_path)


def _write(state, first):
    with RunStore(state) as store:
        for fast in range(first, first + 20):
            store.add([row_of(result_of(fast=fast, days=10), "trial")])


def test_several_processes_make_and_write_the_same_store(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(4) as pool:
        pool.starmap(_write, [(tmp_path, first) for first in (0, 10, 20, 30)])
    with RunStore(tmp_path) as store:
        rows = store.trials_of("sma-cross", "d" * 64)
    assert len(rows) == 50
    assert all(isinstance(row, RunRow) for row in rows)
