"""A restarted actor holds what comes until it knows the candles of before, and then loses none of it."""

from types import SimpleNamespace

from openoutcry.actors.classification import ClassificationActor
from openoutcry.domain.control import CandleHistory, Stopped


def test_an_error_with_one_held_message_is_reported_and_the_others_are_decided_on():
    actor, decided, failed = ClassificationActor(), [], []

    def decide(message, now_ns):
        del now_ns
        if message.id == "bad":
            raise ValueError("bad")
        decided.append(message.id)
        return ()

    actor.deciders = {"": SimpleNamespace(decide=decide), "BTC/USDT": SimpleNamespace(decide=decide)}
    actor.fail = lambda handling, error: failed.append((handling, str(error)))
    actor._cold = {"BTC/USDT"}
    for name in ("first", "bad", "last"):
        actor.handle(Stopped(id=name, role="any"), 1)
    assert decided == []
    history = CandleHistory(id="h", cause_id="replay:classification:1", symbol="BTC/USDT", candles=())
    actor.handle_CandleHistory(history, 2)
    assert decided == ["h", "first", "last"]
    assert failed == [("Stopped", "bad")]
