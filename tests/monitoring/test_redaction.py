import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.exchanges.credentials import Credentials
from openoutcry.monitoring.logs import configure_logging
from openoutcry.monitoring.redaction import MAX_TEXT_CHARS, REDACTION, Redaction

KEY, SECRET = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zv", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP"


@pytest.fixture
def log(tmp_path):
    """A configured log and a reader of its lines; the process's logging is put back afterwards."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    path = tmp_path / "log.jsonl"
    configure_logging(path, level="info", role="risk", run_id="r-1")
    yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "value",
    [
        {"api_key": KEY},
        {"apiKey": KEY},
        {"headers": {"X-MBX-APIKEY": KEY}},
        {"nested": [{"secret": SECRET}]},
        {"event": f"GET /api/v3/order?symbol=BTCUSDT&signature={SECRET}"},
        {"event": f'sent {{"apiKey": "{KEY}", "quantity": 1}}'},
        {"event": f"headers: X-MBX-APIKEY: {KEY}"},
        {"event": f"password={SECRET}"},
        {"credentials": (KEY, SECRET)},
        {"event": Credentials(KEY, SECRET)},
        {"event": {"deep": Credentials(KEY, SECRET).secret}},
    ],
)
def test_secrets_go_by_key_by_form_and_by_type(value):
    cleaned = json.dumps(Redaction().clean(value))
    assert KEY not in cleaned
    assert SECRET not in cleaned
    assert "***" in cleaned


@given(st.text(min_size=4, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_forbidden_value_passes_nowhere(secret, before, after):
    redaction = Redaction()
    redaction.forbid(secret)
    cleaned = redaction.clean({"a": f"{before}{secret}{after}", f"k{secret}": {"b": [secret, (secret,)]}})
    for text in (cleaned["a"], *cleaned):
        assert secret not in text.replace("***", "")


def test_ordinary_figures_stay():
    values = {"size_lots": 5, "price": 1.5, "is_live": True, "none": None, "text": "BTC/USDT buy 0.5"}
    assert Redaction().clean(values) == values


def test_long_and_deep_values_are_cut():
    redaction = Redaction()
    assert len(redaction.text("x" * 100_000)) == MAX_TEXT_CHARS
    deep = {}
    for _ in range(100):
        deep = {"a": deep}
    assert len(json.dumps(redaction.clean(deep))) < 2_000


def test_logs_are_json_lines_of_both_kinds_without_secrets(log):
    REDACTION.forbid(SECRET)
    structlog.get_logger("openoutcry.risk").info("refused", check="cash", api_key=KEY, value=f"x{SECRET}x")
    logging.getLogger("ccxt").warning("request %s", f"signature={KEY}")
    logging.getLogger("ccxt").debug("never seen")
    try:
        int(f"the venue said {SECRET}")
    except ValueError:
        structlog.get_logger("openoutcry.risk").exception("failed")
    lines = log()
    assert [line["event"] for line in lines] == ["refused", "request signature=***", "failed"]
    assert lines[0] | {"timestamp": ""} == {
        "event": "refused",
        "check": "cash",
        "api_key": "***",
        "value": "x***x",
        "level": "info",
        "logger": "openoutcry.risk",
        "role": "risk",
        "run_id": "r-1",
        "timestamp": "",
    }
    assert "the venue said ***" in lines[2]["exception"]
    assert SECRET not in json.dumps(lines)
