"""The risk actor: intents in, approvals and refusals out."""

from typing import Any

from openoutcry.actors.actor import Actor
from openoutcry.assembly import factory
from openoutcry.assembly.paths import halt_latch
from openoutcry.assembly.topology import EXECUTION, RISK
from openoutcry.domain.control import ReportPosition
from openoutcry.domain.message import Message
from openoutcry.domain.orders import Accepted, Approved, Done, Fill, OrderIntent, Refused, Rejected
from openoutcry.domain.units import TimestampNs


class RiskActor(Actor):
    """One an account. Its decider is the risk officer, who knows nothing until execution has reported."""

    role = RISK

    def __init__(self) -> None:
        super().__init__()
        # Approvals that execution has not spoken of yet, by id. The edge to it bounds their number.
        self._unconfirmed: dict[str, Approved] = {}
        self._execution: Any = None  # whom they were sent to

    def configure(self) -> dict[str, str]:
        """Build the officer."""
        self.plugins = factory.plugins(self.settings)
        self.decider = factory.risk_officer(
            self.settings,
            factory.instruments(self.run_dir),
            halt_latch(self.settings),
            self.plugins,
        )
        return {}

    def start(self) -> None:
        """Ask execution what is held."""
        for symbol in self.settings.symbols:
            self.publish(ReportPosition(id=f"report-position:{symbol}:{self.restarts}", symbol=symbol))

    def refuse(self, message: Message, reason: str, now_ns: TimestampNs) -> None:
        """A wish that came too late is refused; the strategy may wish anew."""
        if isinstance(message, OrderIntent):
            self._turn_down(message, reason, "", "", now_ns)

    def _turn_down(
        self, intent: OrderIntent, check: str, limit: str, value: str, now_ns: TimestampNs
    ) -> None:
        self.count(f"intents_refused:{check}")
        self.publish(
            Refused(
                id=f"{intent.id}:refused:{check}",
                cause_id=intent.id,
                symbol=intent.symbol,
                intent_id=intent.id,
                check=check,
                limit=limit,
                value=value,
                at_ns=now_ns,
            )
        )

    def handle(self, message: Message, now_ns: TimestampNs) -> None:
        """Let the officer decide, unless execution is too far behind to be given anything new."""
        if isinstance(message, OrderIntent) and self.is_congested(EXECUTION):
            self._turn_down(message, "back_pressure", "a window of messages", "more wait", now_ns)
            return
        if isinstance(message, (Accepted, Rejected, Fill, Done)):
            self._unconfirmed.pop(message.parent_id, None)
        for answer in self.decider.decide(message, now_ns):
            match answer:
                case Approved():
                    self.count("intents_approved")
                    self._unconfirmed[answer.id] = answer
                case Refused():
                    self.count(f"intents_refused:{answer.check}")
            self.publish(answer)

    def rewired(self) -> None:
        """An approval may have died with execution, and its reservation must not stay for ever.

        Execution takes the same approval once, and ends one that comes too late with a Done.
        """
        address = self._addresses.get(EXECUTION)
        if address != self._execution:
            self._execution = address
            for approved in self._unconfirmed.values():
                self.publish(approved)

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """The account's value, and the plugins that may forbid orders."""
        plugins = self.plugins.counters
        counters = {"plugin_review_failures": plugins.pop("plugin_review_failures")}
        return counters, {**plugins, **self.decider.gauges}, {}
