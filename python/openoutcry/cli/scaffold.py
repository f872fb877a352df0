"""The first lines of a strategy and of its test."""

import contextlib
import importlib.util
import keyword
import re
import sys
from pathlib import Path
from typing import Final

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.source import dashed
from openoutcry.strategies.shipped import strategy_registry

MAX_NAME_CHARS: Final = 60
NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

STRATEGY: Final = '''\
from openoutcry.strategies.strategy import Candles, Exposure, Market, Share, Strategy


class {kind}(Strategy, frozen=True):
    """Long while the price is above its mean of `warmup` closes. It fails where no trend lasts."""

    warmup: Candles = 50
    band: Share = 0.01

    def observe(self, market: Market) -> Exposure | None:
        """Hold above the band around the mean, nothing below it, no opinion within."""
        gap = market.close[-1] / market.close.mean() - 1
        return None if abs(gap) < self.band else self.hold(float(gap > 0), f"{{gap:+.2%}} from the mean")
'''
TEST: Final = '''\
import numpy as np
from {name} import {kind}

from openoutcry.backtesting.lookahead import check_strategy
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.strategies.strategy import Market


def market(*closes):
    """A market of candles that open, stay and close at these prices in ticks, a minute each."""
    close = np.array(closes, dtype=float)
    times = 60_000_000_000 * np.arange(1, len(close) + 1)
    return Market("BTC/USDT", CandleColumns(close, close, close, close, close, times), times[-1])


def test_it_holds_what_rose_and_leaves_what_fell():
    strategy = {kind}(warmup=3, band=0.01)
    assert strategy.observe(market(100, 100, 110)).share == 1.0
    assert strategy.observe(market(100, 100, 90)).share == 0.0
    assert strategy.observe(market(100, 100, 101)) is None


def test_it_knows_nothing_but_what_it_is_shown():
    assert check_strategy({kind}()).biases == ()
'''


def write_strategy(name: str, folder: Path) -> tuple[Path, Path]:
    """Write the strategy and its test into a folder; returns their paths.

    Raises:
        InvalidInputError: the name cannot be used, a file is there already, or the folder cannot be written.
    """
    source, test = folder / f"{name}.py", folder / f"test_{name}.py"
    _check_name(name, folder)
    kind = "".join(part.capitalize() for part in name.split("_"))
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in ((source, STRATEGY), (test, TEST)):
            with path.open("x") as file:
                written.append(path)
                file.write(text.format(name=name, kind=kind))
    except OSError as error:
        for path in written:  # both or none
            with contextlib.suppress(OSError):
                path.unlink()
        if isinstance(error, FileExistsError):
            raise InvalidInputError(
                f"{error.filename} is there already and is not touched; choose another name or --dir"
            ) from error
        raise InvalidInputError(
            f"{folder} cannot be written ({error.strerror}); choose another --dir"
        ) from error
    return source, test


def _check_name(name: str, folder: Path) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > MAX_NAME_CHARS:
        usable = re.sub(r"[^a-z0-9]+", "_", dashed(name)).strip("_").lstrip("0123456789_")[:MAX_NAME_CHARS]
        good = usable if NAME.fullmatch(usable) and not keyword.iskeyword(usable) else "my_strategy"
        raise InvalidInputError(
            f"{name!r} cannot name a module; take small letters, digits and underscores, as {good}"
        )
    plugins = Plugins()
    plugins.load_installed()
    if strategy_registry(plugins).has(name):
        raise InvalidInputError(f"there is a strategy {name!r} already; take another name, as my_{name}")
    is_ours = (folder / f"{name}.py").exists()  # then the file itself is told of
    if not is_ours and (name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None):
        raise InvalidInputError(
            f"{name!r} is a module that Python has already; take another name, as my_{name}"
        )
