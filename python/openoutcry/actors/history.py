"""Asking memory for the candles of before, and telling one's own answer from another's.

Memory's answer goes to every role that may ask, so it must be matched with the question.
"""

from openoutcry.actors.actor import Actor
from openoutcry.domain.control import CandleHistory, ReplayCandles


def ask_for_history(actor: Actor) -> None:
    """Ask for the last candles of every symbol."""
    for symbol in actor.settings.symbols:
        actor.publish(
            ReplayCandles(
                id=f"{_prefix(actor)}{symbol}:{actor.restarts}",
                symbol=symbol,
                count=actor.settings.feed.history_candles,
            )
        )


def is_answer_to(actor: Actor, history: CandleHistory) -> bool:
    """Whether a history answers a question of this role."""
    return history.cause_id.startswith(_prefix(actor))


def _prefix(actor: Actor) -> str:
    return f"replay:{actor.role}:"
