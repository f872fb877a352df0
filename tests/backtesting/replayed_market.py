"""A seeded market in the venue's wire format, as a recording on the disk, and backtests over it."""

from openoutcry.assembly.replay_pace import replay_overrides
from openoutcry.assembly.settings import load_settings
from openoutcry.backtesting.recorded_frames import survey
from openoutcry.backtesting.replay_run import run_recording
from openoutcry.exchanges.market_source import SyntheticSource, spot_instrument

SYMBOL = "BTC/USDT"
SECONDS = 300


def write_recording(path, seed=3, seconds=SECONDS):
    """The recording's lines."""
    source = SyntheticSource(spot_instrument(SYMBOL), seed=seed, seconds=seconds)
    lines = [line for batch in source.batches() for line in batch]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return lines


def replayed(path, strategy, *, above=(), speed=1.0, duration_s=None):
    """The result, the messages of the run in their order, and the data."""
    data = survey(path, SYMBOL, duration_ns=None if duration_s is None else duration_s * 10**9)
    settings = load_settings(None, {"mode": "backtest", **replay_overrides(speed), **dict(above)})
    told = []
    result = run_recording(data, strategy, settings, speed=speed, witness=told.append)
    return result, told, data
