"""From an approved order to the slices in which it is sent."""

import hashlib
from typing import Final

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import SizedOrder
from openoutcry.domain.units import NS_PER_S, SizeLots, TimestampNs
from openoutcry.execution.records import Slice

DEFAULT_SLICE_INTERVAL_NS: Final = NS_PER_S
MAX_SLICES: Final = 1_000


def smallest_lots(order: SizedOrder, instrument: Instrument) -> SizeLots:
    """The fewest lots that the venue takes at the order's limit price, rounded up."""
    per_lot = instrument.notional_atoms(order.limit_price_ticks, 1)
    return SizeLots(max(instrument.min_size_lots, -(-instrument.min_notional_atoms // per_lot), 1))


def plan(
    parent_id: str,
    order: SizedOrder,
    instrument: Instrument,
    now_ns: TimestampNs,
    *,
    slice_interval_ns: int = DEFAULT_SLICE_INTERVAL_NS,
    jitter: float = 0.0,
) -> tuple[Slice, ...]:
    """Slices that sum up to the order exactly; the last one begins before the deadline.

    `immediate` is one slice now. `twap` has one slice each `slice_interval_ns` of the horizon, or of what the
    deadline leaves of it; times are jittered by a seed made of the parent's id, so that a rerun repeats them.

    Raises:
        OrderError: the core refuses the schedule's parameters.
    """
    end_ns = min(now_ns + order.horizon_ns, order.deadline_ns)
    slices = min((end_ns - now_ns) // slice_interval_ns, MAX_SLICES)
    if order.style == "immediate" or slices <= 1:
        return (Slice(now_ns, order.size_lots),)
    from openoutcry.native import twap_schedule  # noqa: PLC0415  only a twap needs the compiled core

    seed = int.from_bytes(hashlib.blake2b(parent_id.encode(), digest_size=8).digest(), "big")
    schedule = twap_schedule(
        total_lots=order.size_lots,
        slices=slices,
        start_ns=now_ns,
        end_ns=end_ns,
        min_lots=smallest_lots(order, instrument),
        jitter=jitter,
        seed=seed,
    )
    return tuple(Slice(TimestampNs(at_ns), SizeLots(lots)) for at_ns, lots in schedule)
