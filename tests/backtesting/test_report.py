import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import msgspec
import pytest
from tests.backtesting.recorded_run import BTC, SYMBOL, T0, candle, write_run

from openoutcry.assembly.paths import RunRecord, create_run, write_record
from openoutcry.backtesting.charts import MAX_CANDLES_DRAWN, candle_chart
from openoutcry.backtesting.report.run import write_report
from openoutcry.backtesting.summary import amounts, headline, summarise
from openoutcry.domain.errors import JournalError, MissingDataError
from openoutcry.domain.units import NS_PER_S

VOID = {"meta", "br", "hr", "img", "input", "link"}


class WellFormed(HTMLParser):
    """Collects the text and checks that every element is closed, and which are there."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(path):
    parser = WellFormed()
    parser.feed(path.read_text())
    assert not parser.open
    return parser


def test_a_run_is_summed_up(tmp_path):
    summary = summarise(write_run(tmp_path, summary={"messages": 12, "faults_injected": 2}).run_dir)
    expected = {
        "run_id": "r-test",
        "messages": 12,
        "candles": 4,
        "votes": 4,
        "abstentions": 4,
        "signals": 4,
        "intents": 4,
        "refused": {"cash": 1},
        "orders": 2,
        "child_orders": 2,
        "fills": 2,
        "round_trips": 1,
        "unreconciled": 0,
        "pnl": {"USDT": "150.00000000"},
        "fees": {"USDT": "60.00000000"},
        "net": {"USDT": "90.00000000"},
        "position": {"BTC": "0.00000"},
        "buy_and_hold": {"USDT": "333.33333333"},
        "example_orders": ["parent:0", "parent:2"],
    }
    assert {key: summary[key] for key in expected} == expected
    assert summary["market_return"][SYMBOL] == pytest.approx(1 / 300)
    assert "too few" in summary["verdict"]
    msgspec.json.encode(summary)
    assert dict(headline(summary))["after fees"] == "90.00 USDT"


def test_fills_stamped_in_market_time_count_alike(tmp_path):
    times = (T0 + 5 * NS_PER_S, T0 + 15 * NS_PER_S)
    assert summarise(write_run(tmp_path, fill_times=times).run_dir)["net"] == {"USDT": "90.00000000"}


def test_an_order_without_a_proven_end_is_unreconciled(tmp_path):
    summary = summarise(write_run(tmp_path, last_state="UNKNOWN").run_dir)
    assert summary["unreconciled"] == 1
    assert summary["discrepancies"] == ["demo-2-0-0 is UNKNOWN"]
    assert "not accounted for" in summary["verdict"]


def test_what_the_run_itself_could_not_account_for_is_not_forgotten(tmp_path):
    assert summarise(write_run(tmp_path, summary={"unreconciled": 3}).run_dir)["unreconciled"] == 3


def test_without_its_grid_a_symbol_is_not_valued_and_that_is_said(tmp_path):
    summary = summarise(write_run(tmp_path, instruments={}).run_dir)
    assert summary["pnl"] == {}
    assert SYMBOL in summary["verdict"]


def test_the_report_is_one_file_that_asks_for_nothing(tmp_path):
    path = write_report(write_run(tmp_path).run_dir)
    text = path.read_text()
    parser = read(path)
    assert path.name == "report.html"
    assert not {"script", "link", "img", "iframe", "b"} & set(parser.tags)
    assert not re.findall(r"(?:src|href)=|url\(|@import", text)
    words = " ".join(parser.words)
    for word in (
        "a <b>test</b>",
        "lost & found",
        "<2>",
        "halt by me",
        "risk failed on Fill",
        "c0ffee",
        "da7a",
        "90.00 USDT",
        "60000.00",
        "0.50000",
        "too few",
        "another clock",
    ):
        assert word in words


def test_the_charts_are_well_formed_and_show_every_fill(tmp_path):
    text = write_report(write_run(tmp_path).run_dir).read_text()
    charts = [ET.fromstring(chart) for chart in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    assert len(charts) == 2
    kinds = [shape.get("class") for shape in charts[0].iter()]
    assert (kinds.count("buy"), kinds.count("sell")) == (1, 1)
    assert sum(shape.tag == "rect" for shape in charts[0].iter()) == 4
    assert sum(shape.tag == "polyline" for shape in charts[1].iter()) == 2


def test_many_candles_are_joined_without_losing_a_high_or_low():
    candles = [
        msgspec.structs.replace(
            candle(1), open_ns=T0 + index, close_ns=T0 + index + 1, high_ticks=7_000_000 + index
        )
        for index in range(3 * MAX_CANDLES_DRAWN + 1)
    ]
    chart = ET.fromstring(candle_chart(BTC, candles, []))
    assert sum(shape.tag == "rect" for shape in chart.iter()) <= MAX_CANDLES_DRAWN
    assert any(text.text == BTC.price_text(candles[-1].high_ticks) for text in chart.iter("text"))


def test_a_run_that_did_nothing_has_a_report_too(tmp_path):
    paths = create_run(tmp_path, "r-empty")
    write_record(
        paths, RunRecord(run_id="r-empty", pid=1, mode="paper", started_ns=1, instruments={SYMBOL: BTC})
    )
    summary = summarise(paths.run_dir)
    assert summary["outcome"] == "did not end"
    assert "Nothing was traded" in summary["verdict"]
    read(write_report(paths.run_dir))


def test_a_folder_that_is_no_run_and_a_damaged_journal_are_errors(tmp_path):
    with pytest.raises(MissingDataError, match=r"run\.json"):
        summarise(tmp_path)
    paths = write_run(tmp_path)
    paths.orders_db.write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    with pytest.raises(JournalError, match="damaged"):
        summarise(paths.run_dir)


def test_amounts_are_short_but_exact():
    assert amounts({"USDT": "-1.50000000", "BNB": "0.00012000"}) == "-1.50 USDT, 0.00012 BNB"
    assert amounts({}) == "none"
