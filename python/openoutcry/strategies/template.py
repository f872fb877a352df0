"""The strategy that a developer begins with."""

import importlib.util
import keyword
import re
from pathlib import Path
from typing import Final

from openoutcry.domain.errors import InvalidInputError

MAX_NAME_CHARS: Final = 60

STRATEGY: Final = '''\
from openoutcry.strategies.strategy import Candles, Exposure, Market, Strategy


class {kind}(Strategy, frozen=True):
    """Long while the newest close is above the mean of the last `warmup`, else flat."""

    warmup: Candles = 20

    def observe(self, market: Market) -> Exposure | None:
        """Say what to hold after each candle."""
        gap = market.close[-1] - market.close.mean()
        return self.hold(float(gap > 0), f"{{gap:+.1f}} ticks from the mean")
'''

TEST: Final = """\
from {name} import {kind}

from openoutcry.backtesting.lookahead import check_lookahead
from openoutcry.backtesting.synthetic_candles import candles_of
from openoutcry.strategies.strategy import Market


def share_after(*closes):
    candles = candles_of(closes)
    return {kind}(warmup=len(closes)).observe(Market("BTC/USDT", candles, candles.close_ns[-1])).share


def test_it_is_long_above_the_mean_and_flat_below():
    assert share_after(100, 101, 105) == 1.0
    assert share_after(105, 104, 100) == 0.0


def test_it_knows_nothing_that_it_could_not_have_known():
    report = check_lookahead({kind}())
    assert report.ok, str(report)
"""


def write_strategy(name: str, folder: Path) -> tuple[Path, Path]:
    """Write NAME.py and test_NAME.py into a folder, which is made if need be; returns their paths.

    Raises:
        InvalidInputError: the name cannot be a module's, or one of the files is there already.
    """
    _check_form(name)
    kind = "".join(part.capitalize() for part in name.split("_"))
    texts = {
        folder / f"{name}.py": STRATEGY.format(kind=kind),
        folder / f"test_{name}.py": TEST.format(name=name, kind=kind),
    }
    for path in texts:
        if path.exists():
            raise InvalidInputError(f"{path} is there already; choose another name, or remove it")
    if importlib.util.find_spec(name) is not None:
        raise InvalidInputError(
            f"there is a module {name!r} already, which Python would import; write my_{name}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise InvalidInputError(f"{folder} cannot be written to: {error}; give another --dir") from error
    path, test = texts
    return path, test


def _check_form(name: str) -> None:
    """Refuse what Python could not import."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > MAX_NAME_CHARS:
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        guess = re.sub(r"[^a-z0-9]+", "_", spaced)[:MAX_NAME_CHARS].strip("_")
        raise InvalidInputError(
            f"{name!r} cannot name a module; write lower-case words with underscores, as "
            + (guess if guess[:1].isalpha() else "my_idea")
        )
    if keyword.iskeyword(name) or name.startswith("test_"):
        raise InvalidInputError(f"{name!r} means something else to Python or pytest; write my_{name}")
