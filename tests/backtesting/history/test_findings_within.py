import msgspec
from tests.backtesting.candle_histories import series

from openoutcry.backtesting.history.findings_within import findings_within, of_the_whole
from openoutcry.backtesting.history.quality import check_candles
from openoutcry.backtesting.result import Finding

FLAT = (100, 100, 100, 100, 10)
STILL = (100, 100, 100, 100, 0)
ROWS = [FLAT, STILL, FLAT, None, FLAT, FLAT, STILL, FLAT, None, None, FLAT]
TWICE = Finding(severity="warning", kind="duplicate", count=1, row=2, detail="it came again", remedy="none")


def told(findings):
    return {each.kind: (each.count, each.row) for each in findings if each.severity != "note"}


def test_only_what_lies_in_the_part_is_told_with_the_files_rows():
    whole = series(ROWS)
    findings = check_candles(whole)
    assert told(findings) == {"zero_volume": (2, 1), "gap": (2, 3)}
    assert told(findings_within(findings, whole.slice(0, 3), 0)) == {"zero_volume": (1, 1)}
    assert told(findings_within(findings, whole.slice(3, 5), 3)) == {}
    assert told(findings_within(findings, whole.slice(4, 8), 4)) == {"zero_volume": (1, 5), "gap": (1, 7)}
    notes = [each for each in findings if each.severity == "note"]
    assert notes == list(findings_within(notes, whole.slice(0, 2), 0))


def test_what_cannot_be_placed_is_kept_and_says_so():
    whole = series(ROWS)
    [kept] = findings_within([TWICE], whole.slice(4, 8), 4)
    assert kept == msgspec.structs.replace(TWICE, detail="somewhere in the whole data: it came again")
    note = msgspec.structs.replace(TWICE, severity="note")
    assert of_the_whole([TWICE, note]) == (kept, note)
