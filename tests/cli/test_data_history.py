HEADER = "time,open,high,low,close,volume\n"


def candles(path, rows=200, spoil=None):
    lines = [f"{1_700_000_040 + 60 * i},100.5,101,100,100.{i % 9 + 1},{i + 1}" for i in range(rows)]
    if spoil:
        spoil(lines)
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return path


def test_candles_are_checked_imported_listed_and_checked_again(oo, state, tmp_path):
    path = candles(tmp_path / "binance-spot_BTCUSDT_1m.csv")
    checked = oo("data", "check", path, "--json")
    assert (checked.code, checked.result["ok"]) == (0, True)
    [dataset] = checked.result["datasets"]
    assert dataset["rows"] == 200
    imported = oo("data", "import", path, "--json")
    assert imported.code == 0
    [stored] = imported.result["datasets"]
    assert stored["reference"] == "binance-spot:BTCUSDT:candles-1m"
    assert stored["sha256"] == dataset["sha256"]
    assert (state / "history" / "venue=binance-spot" / "symbol=BTCUSDT" / "kind=candles-1m").is_dir()
    listed = oo("data", "list", "--json")
    assert [each["reference"] for each in listed.result["datasets"]] == [stored["reference"]]
    assert "BTCUSDT:candles-1m" in oo("data", "list").out
    again = oo("data", "check", stored["reference"])
    assert again.code == 0
    assert "fit for use" in again.out


def test_unfit_candles_end_in_one_and_are_not_imported(oo, tmp_path):
    path = candles(tmp_path / "BTCUSDT_1m.csv", spoil=lambda lines: lines.insert(9, lines.pop(0)))
    called = oo("data", "check", path)
    assert called.code == 1
    assert "UNFIT" in called.out
    assert called.out.count("error: ") == called.out.count("error: backward_time, row 9: ") == 1
    assert "200 rows of candles, no hash: they have no order" in called.out
    assert "2023-11-14 22:14:00.000 UTC to 2023-11-15 01:33:00.000 UTC" in called.out
    record = oo("data", "check", path, "--json").result["datasets"][0]
    assert record["sha256"] == ""
    assert oo("data", "import", path, "--json").code == 2
    assert oo("data", "list", "--json").result["datasets"] == []


def test_what_cannot_be_read_is_named(oo, tmp_path):
    path = tmp_path / "BTCUSDT_1m.parquet"
    path.write_bytes(b"PAR1 and no more")
    called = oo("data", "check", path, "--json")
    assert called.code == 2
    assert str(path) in called.error["message"]
    assert oo("data", "check", "binance-spot:BTCUSDT:candles-5m", "--json").code == 4
    assert oo("data", "import", tmp_path / "absent", "--json").code == 4


def test_a_gap_is_a_warning(oo, tmp_path):
    path = candles(tmp_path / "BTCUSDT_1m.csv", spoil=lambda lines: lines.__delitem__(slice(50, 55)))
    called = oo("data", "check", path, "--json")
    assert called.code == 0
    findings = {each["kind"]: each for each in called.result["datasets"][0]["findings"]}
    assert (findings["gap"]["severity"], findings["gap"]["row"]) == ("warning", 50)


def test_a_catalogue_of_ones_own(oo, tmp_path):
    path = candles(tmp_path / "prices.csv")
    options = ("--symbol", "ETH-USD", "--venue", "coinbase", "--catalogue", tmp_path / "mine")
    assert oo("data", "import", path, *options).code == 0
    listed = oo("data", "list", "--catalogue", tmp_path / "mine", "--json")
    assert listed.result["datasets"][0]["reference"] == "coinbase:ETH-USD:candles-1m"
    assert "holds nothing yet" in oo("data", "list").out
