"""What the system thinks: votes of classifiers, their combination, and strategies' signals."""

from openoutcry.domain.message import Message
from openoutcry.domain.units import PriceTicks, TimestampNs


class Vote(Message, frozen=True, kw_only=True):
    """One classifier's opinion on a closed candle: probabilities that the price goes on up, flat or down.

    The three sum to 1. `abstained` means that the classifier had nothing to say; `rationale` is for people.
    """

    symbol: str
    classifier: str
    up: float
    flat: float
    down: float
    abstained: bool = False
    rationale: str = ""


class Classification(Message, frozen=True, kw_only=True):
    """The ensemble's opinion on a closed candle, from the votes that came in time.

    `cause_id` is the candle's id; its close and price are repeated so that a reader needs no look-up.
    """

    symbol: str
    close_ns: TimestampNs
    close_ticks: PriceTicks
    up: float
    flat: float
    down: float
    abstained: bool
    votes: tuple[Vote, ...]


class Signal(Message, frozen=True, kw_only=True):
    """What a strategy wants to hold: `exposure` in [-1, 1] of what risk allows, and why."""

    symbol: str
    strategy: str
    exposure: float
    reason: str
    at_ns: TimestampNs
