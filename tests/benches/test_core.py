import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benches.core import generated, inputs, l2_rows, l3
from benches.rounds import DisagreementError, Result, Timing, check_agreement, run, time_rounds
from benches.work import Contender, UnavailableError, Work

from benches import table


class Fixed(Contender):
    """Takes what it is told to take."""

    units = 10

    def __init__(self, *rounds_ns, end=(1, 2)):
        self.rounds_ns, self.end = iter(rounds_ns), list(end)

    def round(self):
        return next(self.rounds_ns)

    def state(self):
        return self.end


def work(contender=None, truth=(1, 2), **changes):
    return Work(
        **{
            "name": "books",
            "title": "books",
            "unit": "row",
            "reach": 20,
            "prepare": lambda folder: None,
            "ours": lambda folder: contender,
            "truth": lambda folder: list(truth),
            "peers": {},
            **changes,
        }
    )


def not_built(folder):
    raise UnavailableError("no book")


RESULT = Result(work(), {"ours": Timing(12.5, 13), "a peer": Timing(2_500, 2_600)}, {"other": "not here"})


def test_rounds_are_interleaved_and_the_least_counts():
    order = []

    class Noted(Fixed):
        def round(self):
            order.append(self)
            return super().round()

    ours, peer = Noted(300, 100, 200), Noted(20, 30, 10)
    timings = time_rounds({"ours": ours, "peer": peer}, 3)
    assert timings == {"ours": Timing(10, 20), "peer": Timing(1, 2)}
    assert order == [ours, peer] * 3


def test_whoever_is_wrong_fails_the_bench(tmp_path):
    with pytest.raises(DisagreementError, match=r"books: ours has \[1, 3\]; the plain way has \[1, 2\]"):
        run(work(Fixed(1, end=(1, 3))), tmp_path, 1, print)
    with pytest.raises(DisagreementError):
        check_agreement({"ours": [1], "peer": [2]})


def test_what_is_not_built_is_said_and_not_made_up(tmp_path):
    result = run(work(ours=not_built), tmp_path, 1, print)
    assert table.rows([result]) == [{"work": "books", "ours_ns": None, "reach_ns": 20, "peers": {}}]
    assert "| not measured: no book |" in table.markdown([result], "")


def test_rows_are_work_ours_reach_and_peers():
    assert table.rows([RESULT]) == [
        {"work": "books", "ours_ns": 12.5, "reach_ns": 20, "peers": {"a peer": 2_500}}
    ]


def test_the_table_shows_the_ratio_and_whether_the_reach_is_met():
    cells = table.markdown([RESULT], "").splitlines()[-1].strip("| ").split(" | ")
    assert cells[:2] == ["books, per row", "12.5 ns (median 13.0 ns)"]
    assert cells[2:] == ["a peer 2.50 µs (200.0×)<br>other: not here", "≤ 20.0 ns", "yes"]  # noqa: RUF001


def test_our_rows_never_cross_and_keep_their_seed():
    rows = generated.level_rows(5_000)
    assert all(bid < ask for bid, _, ask, _ in l2_rows.touches(rows.tolist()))
    assert (rows == generated.level_rows(5_000)).all()
    assert len(generated.ticks(2_000)) == 2_000


def test_our_orders_are_orders_of_a_venue(tmp_path, monkeypatch):
    rows = generated.order_rows(5_000)
    monkeypatch.setattr(inputs, "order_rows", lambda: rows)
    l3.prepare(tmp_path)
    bid, _, ask, _ = l3.truth(tmp_path)
    assert bid < ask
    assert np.load(tmp_path / "orders.npy").shape == (5_000, 6)
    lengths = {"A": 36, "E": 31, "X": 23, "D": 19, "U": 35}  # of ITCH 5.0
    sizes = [2 + lengths[inputs.ORDER_KINDS[kind]] for kind in rows[:, 0].tolist()]
    assert (tmp_path / "orders.itch").stat().st_size == sum(sizes)
