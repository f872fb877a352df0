"""What a backtest earned and what it took: return, risk, trades and costs, buy-and-hold beside."""

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from openoutcry.backtesting.result import BacktestResult, Curve
from openoutcry.backtesting.statistics.drawdown import Drawdown, drawdown_of
from openoutcry.backtesting.statistics.market import betas, market_free
from openoutcry.backtesting.statistics.returns import (
    YEAR_NS,
    Floats,
    Returns,
    benchmark_returns,
    own_period_ns,
    returns_of_curve,
)
from openoutcry.backtesting.statistics.round_trips import OPENING_SIGN, RoundTrip, round_trips
from openoutcry.backtesting.statistics.sharpe import (
    minimum_track_record,
    moments_of,
    probabilistic_sharpe,
    sharpe_ratios,
)
from openoutcry.domain.errors import InvalidInputError

SHORTEST_YEAR_SHARE: Final = 30 / 365  # a shorter time's growth, compounded to a year's, is fantasy
TOO_SHORT: Final = "fewer than 30 days say nothing of a year"
FEWEST_YEAR_PERIODS: Final = 30  # and so is a year's Sharpe ratio of fewer returns


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest in figures. What has no value is None, and `undefined` says why, by the field's name.

    Returns, drawdowns and shares are shares of 1; amounts are atoms of the first symbol's quote asset;
    volatility, Sharpe, Sortino and Calmar are annual (365 days), and all but volatility withheld below 30
    days or (Sharpe, Sortino) 30 periods; `sharpe_per_period`, `skew` and raw
    `kurtosis` of the periods measured (`period_ns`: days where there are 60, or else hours, minutes, the
    curve's own). `exposure_share`: time with a position. `turnover`: what was traded by the mean of the
    account. `fee_share` and `funding_share`: of the profit before both. Trades are round trips after fees;
    `profit_factor`: what the winners won by what the losers lost. `skill_probability`: that the true Sharpe
    ratio is above 0 (PSR); `track_record_periods`: how many it takes to say so with 95 %. `beta`: how much of
    buy-and-hold's returns it had; `alpha_sharpe` and `alpha_probability`: Sharpe and PSR of what is left
    without.
    """

    first_ns: int
    last_ns: int
    period_ns: int
    periods: int
    periods_per_year: float
    opening_atoms: int
    net_atoms: int
    gross_atoms: int
    fees_atoms: int
    funding_atoms: int
    total_return: float
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    sharpe_per_period: float | None
    sortino: float | None
    calmar: float | None
    skew: float | None
    kurtosis: float | None
    skill_probability: float | None
    track_record_periods: int | None
    beta: float | None
    alpha_sharpe: float | None
    alpha_probability: float | None
    drawdown: Drawdown
    exposure_share: float
    turnover: float | None
    trades: int
    win_rate: float | None
    profit_factor: float | None
    average_trade_atoms: float | None
    fee_share: float | None
    funding_share: float | None
    benchmark_return: float
    benchmark_sharpe: float | None
    benchmark_drawdown: float
    excess_return: float
    undefined: dict[str, str]


def performance_of(
    result: BacktestResult, *, period_ns: int | None = None, trips: Sequence[RoundTrip] | None = None
) -> Performance:
    """The figures of a backtest; `trips` spares finding its round trips twice.

    Raises:
        InvalidInputError: its curve is empty or goes back in time, or it opened without money.
    """
    curve, opening = result.curve, result.opening_atoms
    if not len(curve) or opening <= 0:
        raise InvalidInputError("a backtest without a curve or without money has no figures; give it both")
    trips = round_trips(result.fills, result.instruments) if trips is None else trips
    returns = returns_of_curve(curve, opening, period_ns)
    held = benchmark_returns(curve, opening, period_ns)
    drawdown = drawdown_of(curve.times_ns, curve.equity_atoms, opening)
    total, benchmark = (
        int(column[-1]) / opening - 1.0 for column in (curve.equity_atoms, curve.benchmark_atoms)
    )
    undefined: dict[str, str] = {}
    no_year = why_no_year(curve, len(returns))
    return Performance(
        first_ns=int(curve.times_ns[0]),
        last_ns=int(curve.times_ns[-1]),
        period_ns=returns.period_ns,
        periods=len(returns),
        periods_per_year=returns.periods_per_year,
        opening_atoms=opening,
        net_atoms=result.net_atoms,
        gross_atoms=result.net_atoms + result.fees_atoms + result.funding_atoms,
        fees_atoms=result.fees_atoms,
        funding_atoms=result.funding_atoms,
        total_return=total,
        drawdown=drawdown,
        exposure_share=_exposure_share(result),
        benchmark_return=benchmark,
        benchmark_sharpe=None if no_year else annual_sharpe(held),
        benchmark_drawdown=drawdown_of(curve.times_ns, curve.benchmark_atoms, opening).share,
        excess_return=total - benchmark,
        **_annual(curve, total, drawdown, undefined),
        **_risk(returns, no_year, undefined),
        **_beside(returns, held, no_year, undefined),
        **_trades(trips, undefined),
        **_costs(result, undefined),
        undefined=undefined,
    )


def years_of(curve: Curve) -> float:
    """How long a curve goes, in years of 365 days; its first moment has a period before it."""
    times = curve.times_ns
    return (int(times[-1] - times[0]) + own_period_ns(times)) / YEAR_NS


def why_no_year(curve: Curve, periods: int) -> str:
    """Why a year's Sharpe ratio is withheld, or empty."""
    if years_of(curve) < SHORTEST_YEAR_SHARE:
        return TOO_SHORT
    return "" if periods >= FEWEST_YEAR_PERIODS else f"{periods} periods are too few to say it of a year"


def annual_sharpe(returns: Returns) -> float | None:
    """The annual Sharpe ratio, over cash that earns nothing; None where nothing varies."""
    per_period = float(sharpe_ratios(returns.values)) if len(returns) > 1 else math.nan
    return None if math.isnan(per_period) else per_period * math.sqrt(returns.periods_per_year)


def sortino_ratio(returns: Floats, periods_per_year: float) -> float | None:
    """Annual mean by annual downside deviation, the root of the mean square of all returns with gains as 0.

    None where nothing was lost. Source: Sortino and Price (1994), J. of Investing 3(3).
    """
    down = float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))) if len(returns) else 0.0
    return float(returns.mean()) / down * math.sqrt(periods_per_year) if down > 0 else None


def annual_return(total: float, years: float) -> float:
    """The constant yearly return that compounds to `total`; a ruin (-1 or less) is -1.

    Raises:
        InvalidInputError: the time is not positive, or so short that the return has no finite value.
    """
    if years <= 0:
        raise InvalidInputError(f"{years:g} years have no annual return; give a positive time")
    if total <= -1.0:
        return -1.0
    try:
        return math.expm1(math.log1p(total) / years)
    except OverflowError:
        raise InvalidInputError(f"{total:g} in {years:g} years has no finite annual return") from None


def _annual(curve: Curve, total: float, drawdown: Drawdown, undefined: dict[str, str]) -> dict[str, Any]:
    years = years_of(curve)
    if years < SHORTEST_YEAR_SHARE:
        undefined["annual_return"] = undefined["calmar"] = TOO_SHORT
        return {"annual_return": None, "calmar": None}
    yearly = annual_return(total, years)
    if drawdown.share <= 0:
        undefined["calmar"] = "the account never fell"
        return {"annual_return": yearly, "calmar": None}
    return {"annual_return": yearly, "calmar": yearly / drawdown.share}


def _risk(returns: Returns, no_year: str, undefined: dict[str, str]) -> dict[str, Any]:
    names = ("volatility", "sharpe", "sharpe_per_period", "sortino", "skew", "kurtosis")
    significance = ("skill_probability", "track_record_periods")
    moments = moments_of(returns.values) if len(returns) > 1 else None
    if moments is None or moments.deviation == 0:
        few = "there are fewer than two periods" if moments is None else "the account did not vary"
        undefined.update(dict.fromkeys((*names, *significance), few))
        return dict.fromkeys((*names, *significance))
    year = math.sqrt(returns.periods_per_year)
    sortino = None if no_year else sortino_ratio(returns.values, returns.periods_per_year)
    if no_year:
        undefined["sharpe"] = undefined["sortino"] = no_year
    elif sortino is None:
        undefined["sortino"] = "no period lost"
    record = minimum_track_record(moments)
    if not math.isfinite(record):
        undefined["track_record_periods"] = "a Sharpe ratio of 0 or less needs no track record"
    return {
        "volatility": moments.deviation * year,
        "sharpe": None if no_year else moments.sharpe * year,
        "sharpe_per_period": moments.sharpe,
        "sortino": sortino,
        "skew": moments.skew,
        "kurtosis": moments.kurtosis,
        "skill_probability": probabilistic_sharpe(moments),
        "track_record_periods": int(record) if math.isfinite(record) else None,
    }


def _beside(returns: Returns, held: Returns, no_year: str, undefined: dict[str, str]) -> dict[str, Any]:
    beta = float(betas(returns.values, held.values)) if len(returns) > 1 else math.nan
    moments = moments_of(market_free(returns.values, held.values)) if len(returns) > 1 else None
    if moments is None or moments.deviation == 0:
        undefined.update(dict.fromkeys(("alpha_sharpe", "alpha_probability"), "it had no returns of its own"))
    elif no_year:
        undefined["alpha_sharpe"] = no_year
    if math.isnan(beta):
        undefined["beta"] = "the market did not vary"
    varied = moments if moments is not None and moments.deviation > 0 else None
    return {
        "beta": None if math.isnan(beta) else beta,
        "alpha_sharpe": None
        if no_year or varied is None
        else varied.sharpe * math.sqrt(returns.periods_per_year),
        "alpha_probability": varied and probabilistic_sharpe(varied),
    }


def _trades(trips: Sequence[RoundTrip], undefined: dict[str, str]) -> dict[str, Any]:
    nets = [trip.net_atoms for trip in trips]
    won = sum(net for net in nets if net > 0)
    lost = -sum(net for net in nets if net < 0)
    if not nets:
        undefined.update(
            dict.fromkeys(("win_rate", "profit_factor", "average_trade_atoms"), "no trade was closed")
        )
    elif not lost:
        undefined["profit_factor"] = "no trade lost"
    return {
        "trades": len(nets),
        "win_rate": sum(net > 0 for net in nets) / len(nets) if nets else None,
        "profit_factor": won / lost if lost else None,
        "average_trade_atoms": sum(nets) / len(nets) if nets else None,
    }


def _costs(result: BacktestResult, undefined: dict[str, str]) -> dict[str, Any]:
    gross = result.net_atoms + result.fees_atoms + result.funding_atoms
    if gross <= 0:
        undefined["fee_share"] = undefined["funding_share"] = "nothing was earned before fees and funding"
    mean = float(result.curve.equity_atoms.mean())
    if mean <= 0:
        undefined["turnover"] = "the account was empty on average"
    traded = sum(
        result.instruments[fill.symbol].notional_atoms(fill.price_ticks, fill.size_lots)
        for fill in result.fills
    )
    return {
        "fee_share": result.fees_atoms / gross if gross > 0 else None,
        "funding_share": result.funding_atoms / gross if gross > 0 else None,
        "turnover": traded / mean if mean > 0 else None,
    }


def _exposure_share(result: BacktestResult) -> float:
    """The share of the time with a position in any symbol; each moment's lasts until the next."""
    times = result.curve.times_ns
    lasts = np.diff(times, append=times[-1] + own_period_ns(times))
    is_held = result.curve.position_lots != 0
    for symbol in result.instruments:
        if symbol != result.symbol:
            own = [fill for fill in result.fills if fill.symbol == symbol]
            lots = np.cumsum([0, *(each.size_lots * OPENING_SIGN[each.side] for each in own)])
            is_held |= lots[np.searchsorted(np.array([each.at_ns for each in own], np.int64), times)] != 0
    return float(np.sum(lasts[is_held]) / np.sum(lasts))
