import json
import math
import random

import pytest

OUTLIER_ROW = 700


@pytest.fixture
def series(tmp_path):
    """A file of calm noise with one outlier."""
    noise = random.Random(1)
    rows = [noise.gauss(10, 1) for _ in range(1_000)]
    rows[OUTLIER_ROW - 1] = 40.0
    path = tmp_path / "series.csv"
    lines = [f"2024-01-01T{row:04}Z,{value!r},x" for row, value in enumerate(rows, 1)]
    path.write_text("\n".join(["when,price,note", *lines]) + "\n")
    return path


def test_an_outlier_is_listed_with_its_row_time_and_cause(oo, series):
    answer = oo("anomaly", series, "--column", "price", "--time-column", "when", "--json")
    assert answer.code == 0
    assert answer.result["rows"] == 1_000
    (alarm,) = answer.result["alarms"]
    assert alarm["row"] == OUTLIER_ROW
    assert alarm["line"] == OUTLIER_ROW + 1
    assert alarm["time"] == "2024-01-01T0700Z"
    assert alarm["value"] == 40.0
    assert 0.5 <= alarm["score"] <= 1
    assert alarm["cause"] in {"robust_z", "ewma_z", "jump"}
    assert alarm["evidence"]


def test_people_get_a_table(oo, series):
    answer = oo("anomaly", series, "--column", "price", "--time-column", "when")
    assert answer.code == 0
    assert answer.out.startswith("1000 values of price: 1 alarm\n")
    assert "2024-01-01T0700Z" in answer.out


def test_a_plot_is_one_file_with_a_mark_at_each_alarm(oo, series, tmp_path):
    plot = tmp_path / "plot.html"
    answer = oo("anomaly", series, "--column", "price", "--time-column", "when", "--plot", plot)
    assert answer.code == 0
    page = plot.read_text()
    assert page.count('class="mark"') == 1
    assert "2024-01-01T0700Z" in page
    assert "1000 values, alarms: 1" in page
    assert "<script" not in page


def test_a_plot_escapes_what_the_file_says(oo, tmp_path):
    path, plot = tmp_path / "sly.csv", tmp_path / "plot.html"
    path.write_text("<b>v,t\n" + "\n".join(f"{row % 3 + 90 * (row == 300)},<i>" for row in range(400)))
    assert oo("anomaly", path, "--column", "<b>v", "--time-column", "t", "--plot", plot).code == 0
    page = plot.read_text()
    assert 'class="mark"' in page
    assert "<b>" not in page
    assert "<i>" not in page


def test_a_plot_that_cannot_be_written_is_said(oo, series, tmp_path):
    answer = oo("anomaly", series, "--column", "price", "--plot", tmp_path / "none" / "plot.html")
    assert answer.code == 2
    assert "cannot be written" in answer.err


def test_a_calm_series_has_no_alarm(oo, tmp_path):
    path = tmp_path / "calm.csv"
    path.write_text("v\n" + "\n".join(str(math.sin(row)) for row in range(500)))
    answer = oo("anomaly", path, "--column", "v")
    assert (answer.code, answer.out) == (0, "500 values of v: 0 alarms\n")


def test_chunks_do_not_matter(oo, series, monkeypatch):
    whole = oo("anomaly", series, "--column", "price", "--json").result
    monkeypatch.setattr("openoutcry.cli.anomaly.CHUNK_ROWS", 7)
    assert oo("anomaly", series, "--column", "price", "--json").result == whole


def test_a_large_file_has_a_progress_bar_and_the_same_alarms(oo, series, monkeypatch):
    plain = oo("anomaly", series, "--column", "price").out
    monkeypatch.setattr("openoutcry.cli.anomaly.LARGE_FILE_BYTES", 1)
    assert oo("anomaly", series, "--column", "price").out == plain


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; its first row must name the columns"),
        ("a,b\n1,2\n", "has no column 'v'; it has 'a', 'b'"),
        ("v\n1\nabc\n", "line 3, column 'v': 'abc' is no finite number"),
        ("v,w\n1,2\n,3\n", "line 3, column 'v': '' is no finite number"),
        ("v\nnan\n", "line 2, column 'v': 'nan' is no finite number"),
        ("w,v\n1,2\n1\n", "line 3 has 1 cells, none in column 'v'"),
        ("v\n" + "9" * 200_000, "is no CSV"),
        ("v,v\n1,2\n", "has 2 columns 'v'; give each its own name"),
    ],
)
def test_a_bad_file_is_named_with_row_and_column(oo, tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    answer = oo("anomaly", path, "--column", "v")
    assert answer.code == 2
    assert message in answer.err
    as_json = oo("anomaly", path, "--column", "v", "--json")
    assert (as_json.code, as_json.error["exit_code"]) == (2, 2)


def test_a_file_that_is_no_text_is_refused(oo, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes(b"v\n\xff\xfe\n")
    answer = oo("anomaly", path, "--column", "v")
    assert answer.code == 2
    assert "is no UTF-8 text" in answer.err


def test_a_threshold_that_is_no_number_is_wrong_usage(oo, series):
    answer = oo("anomaly", series, "--column", "price", "--threshold", "nan")
    assert answer.code == 2
    assert "threshold must be positive and finite" in answer.err


def test_a_file_that_is_not_there_is_wrong_usage(oo, tmp_path):
    answer = oo("anomaly", tmp_path / "none.csv", "--column", "v", "--json")
    assert answer.code == 2
    assert json.dumps("none.csv")[1:-1] in answer.error["message"]
