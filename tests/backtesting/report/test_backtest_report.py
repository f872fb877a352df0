import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.backtested import HOSTILE, backtested, hostile_findings

from openoutcry.backtesting import report as report_package
from openoutcry.backtesting.judgement import judgement_of
from openoutcry.backtesting.report.backtest import embedded_json, render_backtest
from openoutcry.backtesting.report.command import repeat_command
from openoutcry.backtesting.report.page import MAX_ROWS
from openoutcry.backtesting.report.wording import amount, exact
from openoutcry.domain.units import ATOMS_PER_UNIT

VOID = {"meta", "br", "hr", "img", "input", "link"}
VENDOR = Path(report_package.__file__).parent / "vendor"


class Page(HTMLParser):
    """The page's elements and text; every element must be closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.scripts = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def tested():
    result, series = backtested(findings=hostile_findings(), path="candles & <more>.parquet")
    fields = {name: getattr(result, name) for name in result.__dataclass_fields__}
    hostile = type(result)(
        **{
            **fields,
            "strategy": HOSTILE,
            "parameters": {"name": HOSTILE},
            "assumptions": (HOSTILE,),
            "refusals": {HOSTILE: 2},
            "halt_reason": HOSTILE,
            "settings": {"nested": {"reason": HOSTILE}},
        }
    )
    judgement = judgement_of(hostile)
    return judgement, series, Page(render_backtest(judgement, [series]))


def test_the_page_asks_for_nothing_and_runs_only_its_own_scripts(tested):
    _, _, page = tested
    attributes = [(tag, name, value) for tag, attrs in page.tags for name, value in attrs.items()]
    assert not [each for each in attributes if each[1] in ("src", "srcset", "onclick", "action")]
    links = {value for tag, name, value in attributes if name == "href" and not value.startswith("#")}
    assert links == {"https://www.tradingview.com/"}
    policy = next(attrs["content"] for tag, attrs in page.tags if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert page.count("script") == 3


def test_whatever_is_text_is_escaped_and_shown(tested):
    judgement, _, page = tested
    assert page.text.count(HOSTILE) >= 5  # strategy, parameter, assumption, refusal, halt, finding
    assert "<b>bold</b> & brave" in page.text
    assert not page.count("b")
    assert json.loads(page.scripts[0])["market"][0]["symbol"] == "COIN/USDT"
    assert judgement.verdict.line in page.text


def test_the_figures_on_the_page_are_the_results(tested):
    judgement, _, page = tested
    result, figures = judgement.result, judgement.performance
    for text in (
        amount(result.net_atoms, signed=True),
        exact(result.net_atoms),
        exact(figures.gross_atoms),
        amount(result.fees_atoms),
        result.run_id,
        result.config_hash,
        result.datasets[0].sha256,
        *result.versions.values(),
    ):
        assert text in page.text
    rows = [attrs for tag, attrs in page.tags if tag == "tr" and "data-from" in attrs]
    assert len(rows) == len(judgement.trips) == figures.trades


def test_the_charts_hold_the_ends_and_the_extremes(tested):
    judgement, series, page = tested
    result = judgement.result
    data = json.loads(page.scripts[0])
    equity, market = data["equity"], data["market"][0]
    assert equity["equity"][-1] == pytest.approx(result.curve.equity_atoms[-1] / ATOMS_PER_UNIT, abs=1e-4)
    assert max(equity["equity"]) == pytest.approx(result.curve.equity_atoms.max() / ATOMS_PER_UNIT, abs=1e-4)
    assert min(equity["drawdown"]) == pytest.approx(-100 * judgement.performance.drawdown.share, abs=1e-3)
    assert equity["time"] == sorted(set(equity["time"]))
    assert max(market["high"]) == series.high_ticks.max() / 100
    assert sum(count for _, _, count, *_ in market["markers"]) == len(result.fills)
    bars = [
        (market["time"][bar], market["low"][bar], market["high"][bar], price)
        for bar, *_, price in market["markers"]
    ]
    assert all(low <= float(price) <= high for _, low, high, price in bars)


def test_tables_have_headers_and_charts_have_words(tested):
    _, _, page = tested
    assert page.count("caption") == page.count("table") > 5
    charts = [attrs for _, attrs in page.tags if attrs.get("role") == "img"]
    assert len(charts) == 2
    assert all(len(attrs["aria-label"]) > 30 for attrs in charts)
    assert page.count("noscript") == 2


def test_a_long_list_of_trades_is_cut_and_says_so():
    judgement = judgement_of(backtested(hours=40_000, fast=2, warmup=4)[0])
    page = Page(render_backtest(judgement))
    assert len(judgement.trips) > MAX_ROWS
    assert sum("data-from" in attrs for _, attrs in page.tags) == MAX_ROWS
    assert f"The first 1,000 of {len(judgement.trips):,}" in page.text
    assert "candles merged" not in page.text  # without candles the price is a line
    assert "Candles" not in next(
        attrs["aria-label"] for _, attrs in page.tags if attrs.get("id") == "market-chart-0"
    )


def test_the_command_repeats_the_run_and_survives_a_shell(tested):
    judgement, _, _ = tested
    command = repeat_command(judgement.result)
    assert command.startswith("openoutcry backtest ")
    assert "'candles & <more>.parquet'" in command


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3)))
def test_embedded_json_is_the_same_value_and_cannot_leave_its_element(value):
    text = embedded_json(value)
    assert not re.search(r"[<>&]", text)
    assert msgspec.json.decode(text.encode("utf-8", "surrogatepass")) == value


def test_the_same_result_gives_the_same_page(tested):
    judgement, series, _ = tested
    assert render_backtest(judgement, [series]) == render_backtest(judgement, [series])


def test_the_vendored_library_is_the_pinned_one():
    pinned = json.loads((VENDOR / "lightweight-charts.json").read_text())
    code = (VENDOR / pinned["file"]).read_bytes()
    assert hashlib.sha256(code).hexdigest() == pinned["sha256"]
    assert f"v{pinned['version']}".encode() in code[:200]
    assert "Apache License" in (VENDOR / "LICENSE").read_text()
