"""The risk officer: takes intents and the news of orders, gives approvals, refusals and halts."""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openoutcry.domain.control import Halt, ReportPosition, Start
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import MarketAlert, VenueStatus
from openoutcry.domain.message import Message
from openoutcry.domain.orders import (
    Accepted,
    Approved,
    Done,
    Fill,
    OrderIntent,
    PositionReport,
    Refused,
    Rejected,
)
from openoutcry.domain.units import ATOMS_PER_UNIT, BASIS_POINTS, NS_PER_S, PriceTicks, TimestampNs
from openoutcry.risk_management.checks import Context, Refusal
from openoutcry.risk_management.circuit_breaker import CircuitBreaker, DrawdownBreaker
from openoutcry.risk_management.exposure import Exposure, Purse
from openoutcry.risk_management.limits import MAX_REMEMBERED_INTENTS, RiskLimits
from openoutcry.risk_management.review import Veto, review

NS_PER_DAY = 86_400 * NS_PER_S


class _Market:
    """What the officer knows about one symbol's market."""

    def __init__(self) -> None:
        self.feed_state = "unknown"
        self.cool_down_until_ns = 0
        self.price_ticks = PriceTicks(0)
        self.price_ns = 0


class RiskOfficer:
    """A decider. It fails closed: without a live feed, a known position and usable numbers nothing is
    approved.

    A halt given to the constructor, received, or called for by the breakers lasts as long as the officer:
    after an operator's `resume` a new one is made.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        limits: RiskLimits,
        *,
        vetoes: Sequence[Veto] = (),
        halt_reason: str = "",
    ) -> None:
        """Set up for an account's instruments; `vetoes` may refuse what all checks passed.

        Raises:
            ConfigurationError: spot and contracts are paid from the same cash.
        """
        self._instruments = dict(instruments)
        self._limits = limits
        self._vetoes = tuple(vetoes)
        self._halt_reason = halt_reason
        self._purses = {instrument.settlement: Purse() for instrument in instruments.values()}
        self._exposures = {
            symbol: Exposure(instrument, self._purses[instrument.settlement])
            for symbol, instrument in instruments.items()
        }
        self._markets = {symbol: _Market() for symbol in instruments}
        self._breaker = CircuitBreaker(
            max_failures=limits.max_rejects,
            window_ns=limits.reject_window_ns,
            cool_down_ns=limits.breaker_cool_down_ns,
            max_trips=limits.max_breaker_trips,
        )
        self._drawdowns = {
            asset: DrawdownBreaker(max_drawdown_bps=limits.max_drawdown_bps) for asset in self._purses
        }
        self._judged: OrderedDict[str, None] = OrderedDict()
        self._approved_ns: deque[int] = deque(maxlen=limits.max_orders)
        self._handlers: dict[type[Message], Callable[[Any, TimestampNs], list[Message]]] = {
            OrderIntent: self._on_intent,
            Fill: self._on_fill,
            Accepted: self._on_accepted,
            Rejected: self._on_rejected,
            Done: self._on_done,
            PositionReport: self._on_report,
            MarketAlert: self._on_alert,
            VenueStatus: self._on_status,
            Halt: self._on_halt,
            Start: self._on_start,
        }

    def decide(self, message: Message, now_ns: TimestampNs) -> list[Message]:
        """Take one message.

        Raises:
            TypeError: risk does not take messages of this kind; the wiring is wrong.
            InvalidInputError: news of a symbol that the account was not set up for.
        """
        handler = self._handlers.get(type(message))
        if handler is None:
            raise TypeError(f"risk takes no {type(message).__name__}; check the table of edges")
        return handler(message, now_ns)

    @property
    def gauges(self) -> dict[str, float]:
        """Figures for monitoring, by symbol: its account's value, and how far that is below its highest."""
        figures: dict[str, float] = {}
        for symbol, exposure in self._exposures.items():
            if exposure.purse.is_known and exposure.mark_ticks:
                equity, drawdown = exposure.purse.equity_atoms(), self._drawdown(symbol)
                figures[f"equity:{symbol}"] = equity / ATOMS_PER_UNIT
                figures[f"drawdown_ratio:{symbol}"] = drawdown.drawdown_bps(equity) / BASIS_POINTS
        return figures

    def _on_intent(self, intent: OrderIntent, now_ns: TimestampNs) -> list[Message]:
        answers = self._watch_price(intent, now_ns)
        verdict = review(self._context(intent, now_ns), self._vetoes)
        if not isinstance(verdict, Refusal) or verdict.check != "duplicate_intent":
            self._remember(intent)
        if isinstance(verdict, Approved):
            order = verdict.order
            exposure = self._exposures[intent.symbol]
            exposure.reserve(verdict.id, order.side, order.size_lots, order.limit_price_ticks)
            self._approved_ns.append(now_ns)
            self._breaker.on_order(now_ns)
            return [*answers, verdict]
        if verdict.check == "position_known":
            answers.append(_ask_position(intent.symbol, now_ns))
        return [*answers, _refused(intent, verdict, now_ns)]

    def _context(self, intent: OrderIntent, now_ns: TimestampNs) -> Context:
        market = self._markets.get(intent.symbol, _Market())
        is_recent = market.price_ticks and now_ns - market.price_ns <= self._limits.reference_memory_ns
        return Context(
            intent=intent,
            limits=self._limits,
            now_ns=now_ns,
            instrument=self._instruments.get(intent.symbol),
            exposure=self._exposures.get(intent.symbol),
            halt_reason=self._halt_reason,
            feed_state=market.feed_state,
            cool_down_until_ns=market.cool_down_until_ns,
            is_duplicate=intent.id in self._judged,
            breaker_allows=self._breaker.allows(now_ns),
            recent_orders=self._recent_orders(now_ns),
            last_reference_ticks=market.price_ticks if is_recent else PriceTicks(0),
            daily_loss_atoms=self._daily_loss_atoms(intent),
        )

    def _recent_orders(self, now_ns: TimestampNs) -> int:
        """How many orders were approved within the window of the rate limit."""
        since_ns = now_ns - self._limits.order_rate_window_ns
        while self._approved_ns and self._approved_ns[0] <= since_ns:
            self._approved_ns.popleft()
        return len(self._approved_ns)

    def _remember(self, intent: OrderIntent) -> None:
        self._judged[intent.id] = None
        if len(self._judged) > MAX_REMEMBERED_INTENTS:
            self._judged.popitem(last=False)

    def _on_fill(self, fill: Fill, now_ns: TimestampNs) -> list[Message]:
        if not self._exposure(fill.symbol).on_fill(fill):
            return []
        self._see_price(fill.symbol, fill.price_ticks, now_ns)
        return self._watch_equity(fill.symbol, now_ns)

    def _on_rejected(self, rejected: Rejected, now_ns: TimestampNs) -> list[Message]:
        if self._breaker.on_failure(now_ns) and self._breaker.is_broken:
            trips = self._limits.max_breaker_trips
            return self._halt(f"the venue keeps refusing orders ({trips} trips): {rejected.reason}", now_ns)
        return []

    def _on_done(self, done: Done, now_ns: TimestampNs) -> list[Message]:
        exposure = self._exposure(done.symbol)
        exposure.on_done(done)
        self._breaker.on_probe_over()
        return [_ask_position(done.symbol, now_ns)] if exposure.has_inherited else []

    def _on_accepted(self, accepted: Accepted, now_ns: TimestampNs) -> list[Message]:
        self._exposure(accepted.symbol).acknowledge(accepted.parent_id)
        self._breaker.on_success(now_ns)
        return []

    def _on_report(self, report: PositionReport, now_ns: TimestampNs) -> list[Message]:
        self._exposure(report.symbol).on_report(report)
        return self._watch_equity(report.symbol, now_ns)

    def _on_alert(self, alert: MarketAlert, now_ns: TimestampNs) -> list[Message]:
        if not alert.score < self._limits.alert_score:  # NaN counts as an alarm
            self._market(alert.symbol).cool_down_until_ns = now_ns + self._limits.alert_cool_down_ns
        return []

    def _on_status(self, status: VenueStatus, _now_ns: TimestampNs) -> list[Message]:
        self._market(status.symbol).feed_state = status.state
        return []

    def _on_halt(self, halt: Halt, _now_ns: TimestampNs) -> list[Message]:
        self._halt_reason = self._halt_reason or halt.reason or "halt"
        return []

    def _on_start(self, _start: Start, now_ns: TimestampNs) -> list[Message]:
        return [_ask_position(symbol, now_ns) for symbol in self._instruments]

    def _watch_price(self, intent: OrderIntent, now_ns: TimestampNs) -> list[Message]:
        """Value the account at the intent's price, unless that is out of line (then it is refused anyway)."""
        market, price = self._markets.get(intent.symbol), intent.reference_price_ticks
        if market is None or price <= 0 or intent.id in self._judged:
            return []
        is_stale = now_ns - market.price_ns > self._limits.reference_memory_ns
        jump_bps = (
            abs(price - market.price_ticks) * BASIS_POINTS // market.price_ticks if market.price_ticks else 0
        )
        if not is_stale and jump_bps > self._limits.reference_jump_bps:
            return []
        self._see_price(intent.symbol, price, now_ns)
        return self._watch_equity(intent.symbol, now_ns)

    def _see_price(self, symbol: str, price_ticks: PriceTicks, now_ns: int) -> None:
        self._market(symbol).price_ticks = self._exposures[symbol].mark_ticks = price_ticks
        self._market(symbol).price_ns = now_ns

    def _watch_equity(self, symbol: str, now_ns: TimestampNs) -> list[Message]:
        exposure, drawdown = self._exposures[symbol], self._drawdown(symbol)
        if not exposure.purse.is_known or not exposure.mark_ticks:
            return []
        equity = exposure.purse.equity_atoms()
        drawdown.observe(equity, now_ns // NS_PER_DAY)
        if not drawdown.is_broken(equity) or self._halt_reason:
            return []
        bps, limit = drawdown.drawdown_bps(equity), self._limits.max_drawdown_bps
        return self._halt(f"drawdown of {symbol}: {bps} bps, limit {limit} bps", now_ns)

    def _daily_loss_atoms(self, intent: OrderIntent) -> int:
        exposure = self._exposures.get(intent.symbol)
        if exposure is None or not exposure.purse.is_known or not exposure.mark_ticks:
            return 0
        return self._drawdown(intent.symbol).daily_loss_atoms(exposure.purse.equity_atoms())

    def _halt(self, reason: str, now_ns: TimestampNs) -> list[Message]:
        if self._halt_reason:
            return []
        self._halt_reason = reason
        return [Halt(id=f"risk:halt:{now_ns}", reason=reason, by="risk", at_ns=now_ns)]

    def _drawdown(self, symbol: str) -> DrawdownBreaker:
        return self._drawdowns[self._instruments[symbol].settlement]

    def _exposure(self, symbol: str) -> Exposure:
        self._market(symbol)
        return self._exposures[symbol]

    def _market(self, symbol: str) -> _Market:
        if symbol not in self._markets:
            known = ", ".join(sorted(self._markets)) or "none"
            raise InvalidInputError(f"risk was not set up for {symbol}; it watches {known}")
        return self._markets[symbol]


def _ask_position(symbol: str, now_ns: TimestampNs) -> ReportPosition:
    return ReportPosition(id=f"risk:report_position:{symbol}:{now_ns}", symbol=symbol)


def _refused(intent: OrderIntent, refusal: Refusal, now_ns: TimestampNs) -> Refused:
    return Refused(
        id=f"{intent.id}:refused:{refusal.check}:{now_ns}",
        cause_id=intent.id,
        symbol=intent.symbol,
        intent_id=intent.id,
        check=refusal.check,
        limit=refusal.limit,
        value=refusal.value,
        at_ns=now_ns,
    )
