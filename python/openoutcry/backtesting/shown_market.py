"""What a strategy or classifier is shown at each candle of a history, in two ways that must not differ."""

import dataclasses
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from openoutcry.backtesting.synthetic_candles import candles_of
from openoutcry.domain.opinions import Classification
from openoutcry.domain.units import PriceTicks, SizeLots, TimestampNs
from openoutcry.memory.candle_window import CandleColumns, Prices
from openoutcry.native import MarketFeed
from openoutcry.strategies.strategy import Market, Needs, Touch

SYMBOL: Final = "CHECKED"


@dataclass(frozen=True, slots=True, eq=False)
class ShownMarket:
    """A history, and what else is needed, made from a seed: opinions, features, books, other symbols.

    `rolls` are random numbers in [0, 1), a row a candle. Shown `alone`, a window is memory of its own, as if
    the history ended there; otherwise it is a view of the whole, as in a backtest.
    """

    candles: CandleColumns
    needs: Needs
    rolls: Prices
    others: dict[str, CandleColumns]

    @classmethod
    def of(cls, candles: CandleColumns, needs: Needs, seed: int = 0) -> Self:
        """A market of given candles."""
        random = np.random.default_rng(seed)
        rolls = random.random((len(candles), 5 + len(MarketFeed.feature_names())))
        others = {}
        for number in range(1, needs.symbols):
            steps = random.normal(0.0, 5e-4, len(candles))
            closes = np.rint(candles.close * np.exp(np.cumsum(steps - steps.mean()))).clip(1)
            other = candles_of(closes, random)
            others[f"{SYMBOL}-{number}"] = dataclasses.replace(other, close_ns=candles.close_ns)
        return cls(candles, needs, rolls, others)

    @property
    def inventions(self) -> tuple[str, ...]:
        """What was made up."""
        needs = self.needs
        named = {
            "opinions": needs.opinions,
            "features": needs.features,
            "books": needs.book,
            "other symbols": needs.symbols > 1,
        }
        return tuple(name for name, is_made in named.items() if is_made)

    def at_other_dates(self, later_ns: int) -> "ShownMarket":
        """The same market, later."""
        shifted = self.candles.close_ns + later_ns
        shifted.flags.writeable = False
        return ShownMarket(
            dataclasses.replace(self.candles, close_ns=shifted),
            self.needs,
            self.rolls,
            {name: dataclasses.replace(each, close_ns=shifted) for name, each in self.others.items()},
        )

    def window(self, row: int, count: int, *, alone: bool) -> CandleColumns:
        """The `count` candles up to a row."""
        return _shown(self.candles, row, count, alone=alone)

    def market(self, row: int, count: int, *, alone: bool) -> Market:
        """What a strategy with a warm-up of `count` candles is shown at a row."""
        needs, rolls = self.needs, self.rolls[row]
        shown = self.window(row, count, alone=alone)
        now_ns = TimestampNs(int(shown.close_ns[-1]))
        return Market(
            SYMBOL,
            shown,
            now_ns,
            self._opinion(row, now_ns) if needs.opinions else None,
            features=self._features(rolls) if needs.features else {},
            book=self._touch(row) if needs.book else None,
            position_lots=int(rolls[3] * 101) - 50 if needs.book else 0,
            mids=self._mids(shown, row) if needs.book else (),
            others={name: _shown(each, row, count, alone=alone) for name, each in self.others.items()},
        )

    def _opinion(self, row: int, now_ns: TimestampNs) -> Classification:
        shares = self.rolls[row, :3] / self.rolls[row, :3].sum()
        up, down = float(shares[0]), float(shares[1])
        return Classification(
            id=f"classification:{now_ns}",
            cause_id=f"candle:{now_ns}",
            symbol=SYMBOL,
            close_ns=now_ns,
            close_ticks=PriceTicks(int(self.candles.close[row])),
            up=up,
            flat=1.0 - up - down,
            down=down,
            abstained=bool(self.rolls[row, 4] < 0.1),  # noqa: PLR2004  one in ten
            votes=(),
        )

    def _features(self, rolls: Prices) -> dict[str, float]:
        """Each feature in [-1, 1), in rates from 0."""
        return {
            name: float(roll if name.endswith("rate") else 2.0 * roll - 1.0)
            for name, roll in zip(MarketFeed.feature_names(), rolls[5:], strict=True)
        }

    def _touch(self, row: int) -> Touch:
        bid = int(self.candles.close[row])
        spread, *lots = (int(roll * 10) + 1 for roll in self.rolls[row, :3])
        return Touch(PriceTicks(bid), SizeLots(lots[0]), PriceTicks(bid + spread), SizeLots(lots[1]))

    def _mids(self, shown: CandleColumns, row: int) -> tuple[tuple[int, float], ...]:
        rows = slice(row - len(shown) + 1, row + 1)
        mids = self.candles.close[rows] + (np.floor(self.rolls[rows, 0] * 10) + 1) / 2  # those of the touches
        return tuple(zip(shown.close_ns.tolist(), mids.tolist(), strict=True))


def _shown(candles: CandleColumns, row: int, count: int, *, alone: bool) -> CandleColumns:
    shown = candles.part(row + 1 - count, row + 1)
    return copied(shown) if alone else shown


def copied(candles: CandleColumns) -> CandleColumns:
    """The same candles in memory of their own, read-only."""
    opens, highs, lows, closes, volumes = (
        column.copy() for column in (candles.open, candles.high, candles.low, candles.close, candles.volume)
    )
    shown = CandleColumns(opens, highs, lows, closes, volumes, candles.close_ns.copy())
    for column in (opens, highs, lows, closes, volumes, shown.close_ns):
        column.flags.writeable = False
    return shown
