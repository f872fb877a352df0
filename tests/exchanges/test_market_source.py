import pytest

from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.exchanges import market_source
from openoutcry.exchanges.market_source import DATA_VARIABLE, resolve_source

DEPTH = '{"stream":"%s@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"%s","U":1,"u":2,"b":[],"a":[]}}'


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A machine without data: nothing beside the project, nothing in the cache, no variable."""
    beside, cache = tmp_path / "beside", tmp_path / "cache"
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setattr(
        market_source, "shared_data_dirs", lambda: [place for place in (beside,) if place.is_dir()]
    )
    monkeypatch.setattr(market_source, "cache_dir", lambda: cache)
    return tmp_path


def record(folder, symbol="BTCUSDT", first_ns=1):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{symbol}.raw"
    path.write_text(f"{first_ns} {DEPTH % (symbol.lower(), symbol)}\n")
    return path


def test_the_order_of_the_search(places, monkeypatch):
    assert resolve_source(duration_s=1).kind == "synthetic"
    record(places / "cache", first_ns=4)
    assert "the user's cache" in resolve_source().description
    record(places / "beside", first_ns=3)
    assert "beside the project" in resolve_source().description
    record(places / "named", first_ns=2)
    monkeypatch.setenv(DATA_VARIABLE, str(places / "named"))
    assert f"${DATA_VARIABLE}" in resolve_source().description
    given = record(places / "given", first_ns=1)
    source = resolve_source(path=given)
    assert "as given" in source.description
    assert (source.kind, source.lines_total) == ("recording", 1)
    assert [line.split()[0] for batch in source.batches() for line in batch] == [b"1"]
    assert resolve_source(synthetic=True, duration_s=1).kind == "synthetic"


def test_a_place_without_the_symbol_is_passed_over_but_a_named_one_is_not(places, monkeypatch):
    record(places / "beside", "ETHUSDT")
    assert resolve_source("BTC/USDT", duration_s=1).kind == "synthetic"
    assert resolve_source("ETH/USDT").instrument.size_step == "0.0001"
    with pytest.raises(MissingDataError, match=r"as given.*no recording of spot BTCUSDT, only spot ETHUSDT"):
        resolve_source("BTC/USDT", path=places / "beside")
    monkeypatch.setenv(DATA_VARIABLE, str(places / "nowhere"))
    with pytest.raises(MissingDataError, match=r"there is no .*nowhere"):
        resolve_source()


def test_the_synthetic_market_says_that_it_is_and_repeats_itself(places):
    one, same, other = (resolve_source(seed=seed, duration_s=2) for seed in (3, 3, 4))
    assert "no real prices" in one.description
    assert list(one.batches()) == list(same.batches())
    assert one.sha256 == same.sha256 != other.sha256
    assert sum(map(len, one.batches())) == one.lines_total > 100


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"symbol": "DOGE/EUR"}, "BTC/USDT, ETH/USDT"),
        ({"duration_s": 0}, "lasts 1 to 3600 seconds"),
        ({"duration_s": 10**9}, "lasts 1 to 3600 seconds"),
        ({"seed": -1}, "seed must not be negative"),
    ],
)
def test_what_cannot_be_is_refused(places, arguments, says):
    with pytest.raises(InvalidInputError, match=says):
        resolve_source(**arguments)


def test_a_recording_can_be_played_in_part(places):
    folder = places / "given"
    for second in range(4):
        record(folder, first_ns=second * 10**9 + 1)
        (folder / "BTCUSDT.raw").rename(folder / f"{second}.raw")
    source = resolve_source(path=folder, duration_s=2)
    assert "its first 2 s" in source.description
    assert source.lines_total == 2
    with pytest.raises(InvalidInputError, match="positive number of seconds"):
        resolve_source(path=folder, duration_s=0)


@pytest.mark.data
def test_both_files_of_a_stream_make_one_market(shared_data):
    source = resolve_source("BTC/USDT", path=shared_data)
    assert source.lines_total == 99_574
    assert len(source.recording.files) == 2
    assert source.sha256 == source.recording.sha256()
