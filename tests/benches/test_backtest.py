import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benches.backtest import floor, generated, inputs, processes, quotes, replay
from benches.core.l2_rows import touches
from benches.rounds import DisagreementError, Result, Timing, run
from benches.work import Work

from benches import command, table

COUNT = 20_000


@pytest.fixture
def rows(monkeypatch):
    """Fewer of our own events and quotes, whoever else's are at hand."""
    monkeypatch.setattr(inputs, "event_rows", lambda: generated.event_rows(COUNT))
    monkeypatch.setattr(inputs, "quote_rows", lambda count: generated.quote_rows(min(count, COUNT)))


def without_peers(work):
    return Work(**{**vars(work), "peers": {}})


def test_our_events_never_cross_and_a_trade_takes_what_its_level_loses():
    events = generated.event_rows(COUNT)
    assert (events == generated.event_rows(COUNT)).all()
    assert (np.diff(events[:, :2], axis=0) >= 0).all()
    sides, kinds = np.divmod(events[:, 2], inputs.ASK)
    levels = np.column_stack([sides, events[:, 3:5]])[kinds == inputs.LEVEL]
    assert all(bid < ask for bid, _, ask, _ in touches(levels.tolist()))
    resting = {}
    for at, (side, kind, (price, lots)) in enumerate(
        zip(sides.tolist(), kinds.tolist(), events[:, 3:5].tolist(), strict=True)
    ):
        if kind == inputs.TRADE:
            assert events[at + 1, 3] == price
            assert resting[1 - side, price] - lots == events[at + 1, 4]
        else:
            resting[side, price] = lots
    assert (kinds == inputs.TRADE).sum() > COUNT // 100


@pytest.mark.parametrize("work", [*replay.WORKS, *quotes.WORKS, *floor.WORKS], ids=lambda work: work.name)
def test_each_work_comes_to_the_end_that_another_way_finds(work, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(floor, "PARENTS", 20)
    result = run(without_peers(work), tmp_path, 1, lambda _: None)
    assert result.timings["ours"].least > 0


def test_a_market_maker_that_trades_otherwise_is_found(rows, tmp_path, monkeypatch):
    work = next(work for work in replay.WORKS if work.name == "market_maker_10ms")
    monkeypatch.setattr(replay, "SKEW", 0.5)
    truth = replay.done_by(replay.InPython)
    replay.prepare(tmp_path)
    leaning = truth(tmp_path)
    monkeypatch.setattr(replay, "SKEW", 0.05)
    assert leaning[2] > 0
    with pytest.raises(DisagreementError, match="market_maker_10ms"):
        run(Work(**{**vars(work), "peers": {}, "truth": lambda _: leaning}), tmp_path, 1, lambda _: None)


def test_a_process_is_measured_by_its_wall_and_processor_time():
    process = processes.Process(sys.executable, "-c", "sum(range(2_000_000))")
    wall_ns = process.round()
    assert 0 < process.cpu_ns[0] < 2 * wall_ns
    assert process.remark.startswith("processor ")


def test_a_process_that_fails_has_no_figure():
    with pytest.raises(processes.FailedError, match=r"ended with 3: .*lost"):
        processes.Process(
            sys.executable, "-c", "import sys; print('lost', file=sys.stderr); sys.exit(3)"
        ).round()


def test_memory_is_the_process_s_own(tmp_path):
    generated.quote_rows(COUNT).tofile(tmp_path / "quotes.bin")
    held = bytearray(400_000_000)  # ours, which a child must not be charged with
    child = processes.ours("memory")(tmp_path)
    assert child.round() < len(held) // 2
    assert child.state() == [COUNT]


def test_imports_are_timed_in_a_process_without_them():
    child = processes.ours("import", "openoutcry.native")(Path())
    assert child.round() > 0
    assert "resident" in child.remark


def test_what_there_is_to_download_is_the_package_without_caches(tmp_path):
    package = tmp_path / "package"
    (package / "__pycache__").mkdir(parents=True)
    (package / "code.py").write_bytes(b"a = 1\n" * 10_000)
    (package / "__pycache__/code.pyc").write_bytes(os.urandom(50_000))
    found = processes.Download(processes.files_below(package))
    assert [str(name) for _, name in found.files] == ["package/code.py"]
    assert 100 < found.round() < 5_000
    assert found.remark == "60.0 kB on disk"


def test_bytes_and_remarks_stand_in_rows_and_table(tmp_path):
    work = Work("memory", "memory", "", 300e6, lambda _: None, lambda _: None, None, measure="bytes")
    result = Result(work, {"ours": Timing(45e6, 45e6), "a peer": Timing(3.4e9, 3.4e9, "all of it")})
    text = command.write([result], "first", "backtest", tmp_path)
    assert json.loads((tmp_path / "backtest.json").read_text()) == [
        {
            "work": "memory",
            "ours_bytes": 45e6,
            "reach_bytes": 300e6,
            "peers": {"a peer": 3.4e9},
            "remarks": {"a peer": "all of it"},
        }
    ]
    assert (tmp_path / "backtest.md").read_text() == text
    cells = text.splitlines()[-1].strip("| ").split(" | ")
    assert cells == [
        "memory",
        "45.0 MB (median 45.0 MB)",
        "a peer 3.40 GB (75.6×; all of it)",  # noqa: RUF001
        "≤ 300 MB",
        "yes",
    ]


@pytest.mark.parametrize(
    ("figure", "shown"), [(12.34, "12.3 ns"), (999_000, "999 µs"), (1.5e6, "1.50 ms"), (61e9, "61.0 s")]
)
def test_times_have_three_digits(figure, shown):
    assert table.nanoseconds(figure) == shown


def test_a_peer_that_cannot_do_the_work_says_why(tmp_path):
    """The protocol between `peer.py` and `peers/serve.py`, with this Python in the place of the peers'."""
    serve = Path(command.__file__).parent / "peers/serve.py"
    (tmp_path / "giving_up.py").write_text(
        "from unavailable import UnavailableError\n"
        "class Contender:\n"
        "    def __init__(self, folder):\n"
        "        raise UnavailableError('aborts after 258 decisions')\n"
    )
    said = subprocess.run(
        [sys.executable, str(serve), "giving_up:Contender", str(tmp_path)],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(said.stdout) == {"unavailable": "aborts after 258 decisions"}
