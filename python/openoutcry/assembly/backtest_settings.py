"""What a backtest assumes about cash and costs, and the settings that it runs with if none are given."""

import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT, BASIS_POINTS, NS_PER_MS

PPM: Final = 1_000_000  # parts per million; a basis point is a hundred
PPM_PER_BPS: Final = PPM // BASIS_POINTS
DEFAULT_FEES_PPM: Final = {
    "spot": (1_000, 1_000),
    "linear": (500, 200),
    "inverse": (500, 200),
}  # taker, maker: Binance without tiers

_Part = Annotated[int, msgspec.Meta(ge=0, lt=PPM)]
_Fee = Annotated[int, msgspec.Meta(gt=-PPM, lt=PPM)]
_Latency = Annotated[int, msgspec.Meta(ge=0)]


class FeeTier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fees from a traded volume on, which is in 10^-8 of the asset of settlement."""

    volume_atoms: Annotated[int, msgspec.Meta(gt=0)]
    taker_fee_ppm: _Fee
    maker_fee_ppm: _Fee


class BacktestSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account and the costs of a backtest; parts per million are `ppm`, a hundredth of a basis point.

    `cash_atoms` is in 10^-8 of the asset of settlement: the quote asset, or the base asset of an inverse
    (coin-margined) contract. A fee below 0 is a rebate; each is rounded to an atom against us. `fee_tiers`
    replace the two fees from a volume on, and rise: the tier of a UTC day is that of what was traded in the
    30 whole days before, by instrument, as Binance evaluates its levels daily at 00:00 UTC. `inverse_lot`
    says that the data are of an inverse contract, and what a lot is worth in the quote asset, as "100";
    where it is empty their symbol says that. Orders of ours take at most `volume_share_ppm` of a candle's
    volume. An order reaches the venue after `order_latency_ns`, its answer takes `report_latency_ns`.
    """

    cash_atoms: Annotated[int, msgspec.Meta(gt=0)] = 100_000 * ATOMS_PER_UNIT
    taker_fee_ppm: _Fee = 1_000
    maker_fee_ppm: _Fee = 1_000
    fee_tiers: tuple[FeeTier, ...] = ()
    inverse_lot: str = ""
    half_spread_ppm: _Part = 0
    volume_share_ppm: Annotated[int, msgspec.Meta(gt=0, le=PPM)] = 100_000
    order_latency_ns: _Latency = 50 * NS_PER_MS
    report_latency_ns: _Latency = 50 * NS_PER_MS

    def __post_init__(self) -> None:
        """Check what depends on each other; raises ConfigurationError."""
        volumes = [tier.volume_atoms for tier in self.fee_tiers]
        if any(low >= high for low, high in itertools.pairwise(volumes)):
            raise ConfigurationError(
                "backtest.fee_tiers: volume_atoms must rise from tier to tier; the fees below the first are "
                "taker_fee_ppm and maker_fee_ppm"
            )


MANY: Final = 1_000  # times the cash: a limit that a backtest does not reach
NEVER: Final = 2.0  # no change of exposure is larger but the whole one from -1 to 1
MAX_WEIGHT: Final = 0.99  # what is left pays the fees


def backtest_defaults(
    instrument: Instrument, cash_atoms: int, taker_ppm: int, others: Sequence[Instrument] = ()
) -> dict[str, object]:
    """Settings by dotted key under which a strategy is judged alone: risk hardly limits it.

    `others` are traded from the same account.

    The whole cash may be invested, without a volatility target; a loss halts only when nothing is left.
    Contracts may be sold short. Orders go at once: candles cannot tell slices of seconds apart. Checks of
    numbers, prices and rates are as they are in paper trading.
    """
    return {
        "mode": "backtest",
        "deployment_id": "bt",
        "symbols": list(dict.fromkeys(each.symbol for each in (instrument, *others))),
        "strategy.intents.long_only": instrument.kind == "spot",
        "strategy.intents.twap_change": NEVER,
        "risk.target_volatility_per_year": 1e6,
        "risk.max_weight": MAX_WEIGHT,
        "risk.cash_reserve_atoms": 0,
        "risk.fee_bps": max(20, math.ceil(taker_ppm / PPM_PER_BPS)),
        "risk.max_order_notional_atoms": MANY * cash_atoms,
        "risk.max_position_notional_atoms": MANY * cash_atoms,
        "risk.max_daily_loss_atoms": MANY * cash_atoms,
        "risk.max_drawdown_bps": BASIS_POINTS - 1,
    }
