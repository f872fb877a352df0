import pickle
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.assembly.settings import (
    Settings,
    check_names,
    check_orders_go,
    config_hash,
    decode_settings,
    encode_settings,
    is_loopback,
    load_settings,
    setting_lines,
)
from openoutcry.cli.config import parse_changes, toml_text
from openoutcry.domain.errors import ConfigurationError, InvalidInputError


@pytest.fixture
def refused(tmp_path):
    """What is said about a file that cannot be used."""

    def text_of(content, overrides=None):
        path = tmp_path / "bad.toml"
        path.write_text(content)
        with pytest.raises(ConfigurationError) as caught:
            check_names(load_settings(path, overrides), origin=str(path))
        return str(caught.value)

    return text_of


def test_the_defaults_are_a_paper_set_up_whose_names_all_exist():
    settings = load_settings()
    assert settings.mode == "paper"
    check_names(settings)


def test_a_combination_is_set_up_in_a_file(tmp_path, refused):
    member = '{name = "sma-cross", weight = 2.0, parameters = {fast = 10}}'
    section = '[strategy]\nname = "combination"\n[strategy.parameters]\nweighting = "volatility"\n'
    path = tmp_path / "paper.toml"
    path.write_text(f'{section}members = [{member}, {{name = "breakout"}}]\n')
    settings = load_settings(path)
    check_names(settings)
    assert decode_settings(encode_settings(settings)) == settings
    shown = tmp_path / "shown.toml"
    shown.write_text("\n".join(f"{key} = {toml_text(value)}" for key, value in setting_lines(settings)))
    assert load_settings(shown) == settings
    assert "did you mean 'breakout'" in refused(f'{section}members = [{{name = "breakuot"}}]\n')


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("market-maker", "strategy: market-maker needs the book, to quote, which paper and live runs"),
        ("order-flow-imbalance", "strategy: order-flow-imbalance needs the features of the book"),
        ("pairs", "strategy: pairs needs 2 symbols at once, .*; backtest it"),
    ],
)
def test_a_strategy_that_a_run_cannot_serve_is_refused_at_its_start(name, match):
    for mode in ("paper", "live"):
        with pytest.raises(ConfigurationError, match=match):
            check_names(load_settings(None, {"mode": mode, "strategy.name": name}))
    check_names(load_settings(None, {"mode": "backtest", "strategy.name": name}))


def test_a_file_changes_only_what_it_names(tmp_path):
    path = tmp_path / "paper.toml"
    path.write_text(
        'symbols = ["ETH/USDT"]\n[venue]\nreceive_window_ms = 4000\n[strategy.intents]\nlong_only = false\n'
    )
    settings = load_settings(path)
    assert settings.venue.receive_window_ms == 4000
    assert settings.venue.request_timeout_ms == Settings().venue.request_timeout_ms
    assert settings.strategy.name == Settings().strategy.name
    assert not settings.strategy.intents.long_only
    assert settings.feed.symbol == "ETH/USDT"
    assert settings.feed_of("BTC/USDT").symbol == "BTC/USDT"


def test_overrides_go_on_top_of_the_file(tmp_path):
    path = tmp_path / "paper.toml"
    path.write_text("[monitoring]\nport = 9000\n")
    assert load_settings(path, {"monitoring.port": 0, "seed": 7}).monitoring.port == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("modee = 'paper'", ["bad.toml", "modee", "unknown key", "did you mean 'mode'"]),
        ("[venu]\nvenue = 'binance'", ["venu", "unknown section", "did you mean 'venue'"]),
        (
            "[[classifiers]]\nname = 'talib-patterns'\nweigth = 1",
            ["classifiers[0].weigth", "did you mean 'weight'"],
        ),
        ("mode = 'papre'", ["mode", "'papre'", "backtest, live, paper"]),
        ("[monitoring]\nport = 70000", ["monitoring.port", "70000", "0 to 65535"]),
        ("[monitoring]\nport = 'x'", ["monitoring.port", "'x'", "int"]),
        ("[ensemble]\nmin_confidence = nan", ["ensemble.min_confidence", "nan", "not finite"]),
        ("[risk]\nmax_weight = inf", ["risk.max_weight", "inf", "not finite"]),
        ("[strategy.parameters]\nfast = [nan]", ["strategy.parameters.fast[0]", "not finite"]),
        ("[risk]\nmax_weight = 2.0", ["[risk]", "max_weight"]),
        ("[venue]\nvenue = 'binanse'", ["[venue]", "binanse", "binance"]),
        ("venue = 3", ["venue", "found 3"]),
        ("symbols = ['btc']", ["symbols[0]", "'btc'"]),
        ("symbols = []", ["symbols", "found []"]),
        ("symbols = ['BTC/USDT', 'BTC/USDT']", ["symbols", "twice"]),
        ("[feed]\nsymbol = 'BTC/USDT'", ["feed.symbol", "symbols"]),
        ("[monitoring]\nhost = '0.0.0.0'", ["monitoring.host", "allow_public"]),
        ("[venue]\nrequest_timeout_ms = 30000", ["execution.answer_timeout_ns", "venue.request_timeout_ms"]),
        ("[venue]\nreceive_window_ms = 20000", ["execution.recv_window_ns", "venue.receive_window_ms"]),
        ("[ensemble]\nmin_votes = 3", ["ensemble.min_votes", "2 classifiers"]),
        ("[[classifiers]]\nname = 'talib-paterns'", ["classifiers[0]", "did you mean 'talib-patterns'"]),
        ("[[classifiers]]\nname = 'talib-patterns'\nparameters.x = 1", ["classifiers[0]", "'x'"]),
        ("classifiers = []", ["classifiers", "found []"]),
        (
            "[[classifiers]]\nname = 'talib-patterns'\n[[classifiers]]\nname = 'talib-patterns'",
            ["classifiers", "same name"],
        ),
        ("[strategy]\nname = 'moving-avrage-cross'", ["strategy", "did you mean 'moving-average-cross'"]),
        ("[strategy.parameters]\nfats = 4", ["strategy", "'fats'", "did you mean 'fast'"]),
        ("[strategy.parameters]\nfast = 'x'", ["strategy", "fast"]),
        ("plugins = ['nobody']", ["nobody", "not installed"]),
        ("a = [", ["bad.toml", "TOML"]),
    ],
)
def test_an_error_names_the_file_the_key_and_what_may_stand_there(refused, content, words):
    text = refused(content)
    for word in words:
        assert word in text


def test_an_override_that_is_wrong_is_named(refused):
    assert "override monitoring.prot" in refused("", {"monitoring.prot": 1})
    assert "monitoring.port overridden" in refused("", {"monitoring.port": -1})


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(tmp_path / "absent.toml")


def test_an_oversized_file_is_an_error(tmp_path):
    path = tmp_path / "big.toml"
    path.write_text("#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigurationError, match="at most 1048576"):
        load_settings(path)


def test_settings_travel_and_come_back_equal():
    settings = load_settings(None, {"seed": 3, "strategy.parameters": {"fast": 5}})
    assert decode_settings(encode_settings(settings)) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings
    with pytest.raises(ConfigurationError, match="another version"):
        decode_settings(b'{"mode": "lunar"}')


def test_the_hash_follows_the_content_and_not_the_order_of_writing(tmp_path):
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("seed = 1\n[strategy.parameters]\nfast = 4\nwarmup = 12\n")
    other.write_text("[strategy.parameters]\nwarmup = 12\nfast = 4\n[paths]\n")
    assert config_hash(load_settings(one)) == config_hash(load_settings(other, {"seed": 1}))
    assert config_hash(load_settings(one)) != config_hash(load_settings(other))


def test_what_config_show_prints_is_a_file_of_the_same_settings(tmp_path):
    settings = load_settings(None, {"strategy.parameters": {"fast": 5}, "paths.state_dir": 'a"b'})
    path = tmp_path / "shown.toml"
    path.write_text("\n".join(f"{key} = {toml_text(value)}" for key, value in setting_lines(settings)))
    assert load_settings(path) == settings


finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(Settings.__struct_fields__), plain, max_size=3))
def test_whatever_a_file_says_either_gives_settings_or_a_configuration_error(tree):
    try:
        settings = load_settings(None, tree)
    except ConfigurationError:
        return
    assert isinstance(settings, Settings)


@given(plain)
def test_toml_text_is_toml(value):
    assert tomllib.loads(f"value = {toml_text(value)}")["value"] == value


def test_changes_are_toml_or_text():
    assert parse_changes(("a.b=1", "c=true", "d=plain text", 'e="q"')) == {
        "a.b": 1,
        "c": True,
        "d": "plain text",
        "e": "q",
    }
    with pytest.raises(InvalidInputError, match="KEY=VALUE"):
        parse_changes(("nothing",))


LOCAL = {
    "venue.rest_url": "http://127.0.0.1:1",
    "venue.stream_url": "ws://127.0.0.1:1/stream/ws",
    "venue.ws_api_url": "ws://localhost:1/ws-api/v3",
}


def test_paper_orders_go_to_this_host_only():
    check_orders_go(load_settings(None, LOCAL), live=False)
    with pytest.raises(ConfigurationError, match="rest_url"):
        check_orders_go(load_settings(), live=False)
    for name in ("venue.rest_url", "venue.ws_api_url"):
        for url in ("https://api.example.com", "http://10.0.0.1", "http://127.0.0.1@api.example.com"):
            with pytest.raises(ConfigurationError, match=name):
                check_orders_go(load_settings(None, {**LOCAL, name: url}), live=False)


def test_live_needs_the_mode_and_the_flag():
    live, paper = load_settings(None, {"mode": "live"}), load_settings(None, LOCAL)
    check_orders_go(live, live=True)
    with pytest.raises(ConfigurationError, match="without --live"):
        check_orders_go(live, live=False)
    with pytest.raises(ConfigurationError, match="with --live"):
        check_orders_go(paper, live=True)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_decided_without_asking_a_name_server(host, is_ours):
    assert is_loopback(host) is is_ours
