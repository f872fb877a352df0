"""Two runs beside each other, order by order: what differs, why, and what it cost, to the last atom.

Every order is worth, at the end's price, what it bought or sold less what it paid. The profit of a run is the
sum over its orders, less funding; so the difference of two profits is the sum of differences of orders, of
the funding and of the end's price, and whatever is left is told as unexplained. With both runs' orders valued
at one price M (the left run's), and s = 1 for a purchase and -1 for a sale, an order of q lots at a cost C
(tick·lots) is worth s·(q·M - C) less fees. Where both have it, the lots that both traded differ by price, at
each side's average; the lots that only one traded are the effect of size.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from openoutcry.backtesting.traded import Traded, TradedOrder
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import BASIS_POINTS, NS_PER_S

Effect = Literal["missing", "side", "price", "size", "fees", "funding", "valuation", "unexplained"]
EFFECTS: Final[tuple[Effect, ...]] = (
    *("missing", "side", "price", "size"),
    *("fees", "funding", "valuation", "unexplained"),
)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One order that is not the same in both runs; `effects_atoms` are right less left, and sum to its part.

    `price_ticks` and `price_bps` say how much dearer (a purchase: higher) the right's average was for its
    side, positive is worse; `latency_ns` how much later it first traded after its cause; `moved_ns` how much
    later its cause was. They are None where they cannot be compared.
    """

    symbol: str
    intent_id: str
    caused_ns: int | None
    left: TradedOrder | None
    right: TradedOrder | None
    why: str
    effects_atoms: dict[Effect, int]
    price_ticks: float | None = None
    price_bps: float | None = None
    latency_ns: int | None = None
    moved_ns: int | None = None

    @property
    def net_atoms(self) -> int:
        """What the difference is worth to the right run."""
        return sum(self.effects_atoms.values())


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs compared. The effects, right less left, sum to the difference of their profits exactly."""

    left: Traded
    right: Traded
    matched: int
    differences: tuple[Difference, ...]
    effects_atoms: dict[Effect, int]

    @property
    def net_atoms(self) -> int:
        """The right's profit less the left's."""
        return self.right.net_atoms - self.left.net_atoms

    @property
    def is_same(self) -> bool:
        """Whether nothing differs: no order, no amount."""
        return not self.differences and not any(self.effects_atoms.values())


def compare(left: Traded, right: Traded, *, latency_ns: int = 0) -> Comparison:
    """Compare two runs. Trading later or earlier by at most `latency_ns` is no difference.

    Raises:
        InvalidInputError: their quote assets or the grids of a symbol differ.
    """
    instruments = _common_instruments(left, right)
    marks = {**right.marks, **left.marks}
    matched = list(_matched(left, right))
    differences = tuple(
        difference
        for pair in matched
        if (difference := _difference(pair, left, right, marks, latency_ns)) is not None
    )
    effects: Counter[Effect] = Counter(dict.fromkeys(EFFECTS, 0))
    for difference in differences:
        effects.update(difference.effects_atoms)
    effects["funding"] = left.funding_atoms - right.funding_atoms
    effects["valuation"] = (
        right.rounding_atoms
        - left.rounding_atoms
        + sum(
            _position(right, symbol) * (ticks - marks[symbol]) * instruments[symbol].atoms_per_tick_lot
            for symbol, ticks in right.marks.items()
        )
    )
    explained = sum(effects.values())
    effects["unexplained"] = right.net_atoms - left.net_atoms - explained
    return Comparison(
        left=left,
        right=right,
        matched=sum(mine is not None and other is not None for mine, other in matched),
        differences=differences,
        effects_atoms=dict(effects),
    )


def _common_instruments(left: Traded, right: Traded) -> dict[str, Instrument]:
    if left.quote != right.quote:
        raise InvalidInputError(
            f"{left.name} is in {left.quote}, {right.name} in {right.quote}; compare runs in one asset"
        )
    for symbol in left.instruments.keys() & right.instruments.keys():
        mine, other = left.instruments[symbol], right.instruments[symbol]
        if (mine.price_tick, mine.size_step) != (other.price_tick, other.size_step):
            raise InvalidInputError(
                f"{symbol} has ticks of {mine.price_tick} and lots of {mine.size_step} in {left.name}, "
                f"{other.price_tick} and {other.size_step} in {right.name}; compare runs on one grid"
            )
    return {**right.instruments, **left.instruments}


Pair = tuple[TradedOrder | None, TradedOrder | None]


def _matched(left: Traded, right: Traded) -> Iterator[Pair]:
    """Pairs in order of their cause: of one intent; of one candle where it caused one order in each; or
    neighbours in time of one symbol and side that only one run has each: the same wish, come to at another
    candle.
    """
    pairs: list[Pair] = [(left.orders[key], right.orders[key]) for key in left.orders if key in right.orders]
    by_candle = _unique_by_candle(order for key, order in right.orders.items() if key not in left.orders)
    for candle, order in _unique_by_candle(
        order for key, order in left.orders.items() if key not in right.orders
    ).items():
        if candle in by_candle:
            pairs.append((order, by_candle[candle]))
    paired = {id(order) for pair in pairs for order in pair}
    alone: list[Pair] = [(order, None) for order in left.orders.values() if id(order) not in paired]
    alone += [(None, order) for order in right.orders.values() if id(order) not in paired]
    yield from sorted([*pairs, *_moved(sorted(alone, key=_cause))], key=_cause)


def _moved(alone: list[Pair]) -> Iterator[Pair]:
    """Join neighbours of a symbol and side, one of either run."""
    waiting: dict[str, Pair] = {}
    for pair in alone:
        order = pair[0] or pair[1]
        assert order is not None  # a pair has at least one
        before = waiting.pop(order.symbol, None)
        other = before and (before[0] or before[1])
        if before and other and other.side == order.side and (before[0] is None) != (pair[0] is None):
            yield (before[0] or pair[0], before[1] or pair[1])
            continue
        if before:
            yield before
        waiting[order.symbol] = pair
    yield from waiting.values()


def _cause(pair: Pair) -> tuple[int, str]:
    order = pair[0] or pair[1]
    assert order is not None  # a pair has at least one
    return (order.caused_ns or order.first_ns or 0, order.intent_id)


def _unique_by_candle(of: Iterable[TradedOrder]) -> dict[str, TradedOrder]:
    orders = list(of)
    counts = Counter(order.candle_id for order in orders)
    return {order.candle_id: order for order in orders if counts[order.candle_id] == 1}


def _difference(
    pair: Pair, left: Traded, right: Traded, marks: Mapping[str, int], latency_ns: int
) -> Difference | None:
    """What differs between two orders of one cause; None if nothing does."""
    mine, other = pair
    order = mine or other
    assert order is not None  # a pair has at least one
    unit = (left.instruments.get(order.symbol) or right.instruments[order.symbol]).atoms_per_tick_lot
    mark = marks[order.symbol]
    if mine is None or other is None:
        worth = _worth(order, mark) * unit - order.fees_atoms
        side, absent = ("left", left) if mine is None else ("right", right)
        return Difference(
            symbol=order.symbol,
            intent_id=order.intent_id,
            caused_ns=order.caused_ns,
            left=mine,
            right=other,
            why=f"not {side}: {absent.unfilled.get(order.intent_id, 'it intended nothing then')}",
            effects_atoms={"missing": worth if mine is None else -worth},
        )
    effects: dict[Effect, int] = {"fees": mine.fees_atoms - other.fees_atoms}
    gross = (_worth(other, mark) - _worth(mine, mark)) * unit
    if mine.side != other.side:
        effects["side"] = gross
    else:
        effects["price"] = _price_effect(mine, other) * unit
        effects["size"] = gross - effects["price"]
    is_estimated = left.is_time_estimated or right.is_time_estimated
    told = {name: atoms for name, atoms in effects.items() if atoms}
    return _told(mine, other, told, latency_ns, is_estimated=is_estimated)


def _told(
    mine: TradedOrder,
    other: TradedOrder,
    effects: dict[Effect, int],
    latency_ns: int,
    *,
    is_estimated: bool,
) -> Difference | None:
    """A latency that is an estimate makes no difference by itself; it says why the price is another."""
    later = _between(mine.latency_ns, other.latency_ns)
    moved = _between(mine.caused_ns, other.caused_ns)
    is_late = later is not None and abs(later) > latency_ns and bool(effects or not is_estimated)
    if not effects and not is_late and not moved and mine.size_lots == other.size_lots:
        return None
    ticks, bps = _dearer(mine, other)
    why = [f"{_lasting(moved)} at another candle"] if moved else []
    why += [f"price {bps:+.1f} bps" if name == "price" and bps is not None else name for name in effects]
    if mine.size_lots != other.size_lots and "size" not in effects:
        why.append("size")
    if later is not None and is_late:
        about = "about " if is_estimated else ""
        why.append(f"{about}{_lasting(later)} after its cause")
    return Difference(
        symbol=mine.symbol,
        intent_id=mine.intent_id,
        caused_ns=mine.caused_ns,
        left=mine,
        right=other,
        why=", ".join(why),
        effects_atoms=effects,
        price_ticks=ticks,
        price_bps=bps,
        latency_ns=later,
        moved_ns=moved,
    )


def _between(mine: int | None, other: int | None) -> int | None:
    return None if mine is None or other is None else other - mine


def _lasting(duration_ns: int) -> str:
    return f"{abs(duration_ns) / NS_PER_S:,.4g} s {'later' if duration_ns > 0 else 'earlier'}"


def _dearer(mine: TradedOrder, other: TradedOrder) -> tuple[float | None, float | None]:
    """By how many ticks and basis points the other's average price was worse for its side."""
    if mine.side != other.side or not mine.cost:
        return None, None
    sign = 1 if mine.side == "buy" else -1
    average, others = mine.cost / mine.size_lots, other.cost / other.size_lots
    return sign * (others - average), sign * (others / average - 1.0) * BASIS_POINTS


def _worth(order: TradedOrder, mark_ticks: int) -> int:
    """What an order gained at a price, in tick·lots, fees apart."""
    sign = 1 if order.side == "buy" else -1
    return sign * (order.size_lots * mark_ticks - order.cost)


def _price_effect(mine: TradedOrder, other: TradedOrder) -> int:
    """What the other's price is worth on the lots that both traded, in tick·lots (rounded)."""
    lots = min(mine.size_lots, other.size_lots)
    sign = 1 if mine.side == "buy" else -1
    return sign * (mine.cost * lots // mine.size_lots - other.cost * lots // other.size_lots)


def _position(run: Traded, symbol: str) -> int:
    """Lots held at the end, from the orders."""
    return sum(
        order.size_lots if order.side == "buy" else -order.size_lots
        for order in run.orders.values()
        if order.symbol == symbol
    )
