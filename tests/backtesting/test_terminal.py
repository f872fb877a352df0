import dataclasses
import io

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.backtesting.backtested import backtested, hostile_findings

from openoutcry.backtesting.judgement import judgement_of
from openoutcry.backtesting.report.sections import costs, key_figures
from openoutcry.backtesting.report.wording import MINUS, NOTHING
from openoutcry.backtesting.result_json import as_json
from openoutcry.backtesting.terminal import BLOCKS, show, sparkline
from openoutcry.domain.units import ATOMS_PER_UNIT, atoms_to_text


def shown(judgement, **options):
    out = io.StringIO()
    show(judgement, console=Console(file=out, width=90), **options)
    return out.getvalue()


def test_the_verdict_comes_first_and_buy_and_hold_stands_beside(tmp_path):
    judgement = judgement_of(backtested()[0])
    text = shown(judgement, report=tmp_path / "report.html")
    lines = text.splitlines()
    assert lines[0].startswith(judgement.verdict.line[:40])
    assert any("strategy" in line and "buy and hold" in line for line in lines)
    assert judgement.result.run_id in text
    assert "report.html" in text
    assert "\x1b" not in text  # no colours where it is no terminal


@pytest.mark.parametrize(
    ("paid", "told"), [(166.35, f"{MINUS}166.35 USDT paid"), (-166.35, "+166.35 USDT received")]
)
def test_below_0_is_what_the_account_lost_on_the_terminal_and_in_the_report(paid, told):
    result, _ = backtested()
    atoms = round(paid * ATOMS_PER_UNIT)
    judgement = judgement_of(dataclasses.replace(result, funding_atoms=atoms))
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in shown(judgement).splitlines() if line}
    assert lines["funding"] == told
    assert lines["fees"].startswith(MINUS)
    assert f">{told[0]}166.35000000 USDT".replace("+", "") in costs(judgement)
    assert next(value for name, value, _ in key_figures(judgement) if name == "Fees").startswith(MINUS)


def test_a_years_sharpe_and_its_band_of_ten_days_are_withheld_with_the_reason():
    judgement = judgement_of(backtested(hours=240)[0])
    assert judgement.bands is not None
    assert judgement.bands.sharpe is None
    row = next(line for line in shown(judgement).splitlines() if line.startswith("Sharpe"))
    assert row.split(maxsplit=3)[1:] == [NOTHING, NOTHING, "fewer than 30 days say nothing of a year"]
    assert ("Sharpe ratio", NOTHING, "fewer than 30 days say nothing of a year") in key_figures(judgement)
    assert "only 10 days of data" in judgement.verdict.line


def test_warnings_of_the_data_are_shown_as_text():
    text = shown(judgement_of(backtested(findings=hostile_findings())[0]))
    assert "gap, 3 times" in text
    assert "</script>" in text


def test_the_json_has_the_exact_amounts_and_every_reason():
    judgement = judgement_of(backtested()[0])
    result = judgement.result
    told = msgspec.json.decode(msgspec.json.encode(as_json(judgement)))
    assert told["net"] == atoms_to_text(result.net_atoms)
    assert told["fees"] == atoms_to_text(result.fees_atoms)
    assert told["fills"] == len(result.fills)
    assert told["verdict"]["line"] == judgement.verdict.line
    assert told["performance"]["sharpe"] == judgement.performance.sharpe
    assert told["bands"]["sharpe"]["low"] <= told["performance"]["sharpe"] <= told["bands"]["sharpe"]["high"]


@given(st.lists(st.integers(-(10**15), 10**15), max_size=200), st.integers(1, 80))
def test_a_sparkline_is_as_long_as_asked_and_rises_with_its_values(values, chars):
    line = sparkline(np.array(values, dtype=np.int64), chars)
    assert len(line) == min(chars, len(values))
    assert set(line) <= set(BLOCKS)
    rising = sparkline(np.arange(len(values), dtype=np.int64), chars)
    assert list(rising) == sorted(rising)
