"""The classification actor: a closed candle in, the ensemble's opinion out."""

from collections import Counter

from openoutcry.actors.warm_actor import WarmActor
from openoutcry.assembly import factory
from openoutcry.assembly.topology import CLASSIFICATION
from openoutcry.domain.message import Message
from openoutcry.domain.opinions import Classification


class ClassificationActor(WarmActor):
    """One a system. Its deciders are the ensembles of classifiers."""

    role = CLASSIFICATION

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, object] = {}

    def configure(self) -> dict[str, str]:
        """Build the ensemble of each symbol."""
        plugins = factory.plugins(self.settings)
        self.ensembles = {
            symbol: factory.ensemble(self.settings, symbol, plugins) for symbol in self.settings.symbols
        }
        self.deciders = self.ensembles
        return {}

    def note(self, answer: Message) -> None:
        """Count the votes, and keep the last ones for the screen."""
        if isinstance(answer, Classification):
            self.count("classifications")
            self.count("votes", sum(not vote.abstained for vote in answer.votes))
            self.count("abstentions", sum(vote.abstained for vote in answer.votes))
            self._last = {
                "close_ns": answer.close_ns,
                "up": answer.up,
                "flat": answer.flat,
                "down": answer.down,
                "abstained": answer.abstained,
                "votes": [
                    {"classifier": vote.classifier, "up": vote.up, "flat": vote.flat, "down": vote.down}
                    for vote in answer.votes
                    if not vote.abstained
                ],
            }

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """The classifiers' failures, and the last votes."""
        counters: Counter[str] = Counter()
        for ensemble in self.ensembles.values():
            counters.update(ensemble.counters)
        quarantined = counters.pop("classifiers_quarantined", 0)
        return dict(counters), {"classifiers_quarantined": quarantined}, {"classification": self._last}
