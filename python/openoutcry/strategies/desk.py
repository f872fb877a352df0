"""Runs one strategy: from candles and opinions to signals and intents."""

import math
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from openoutcry.domain.control import CandleHistory
from openoutcry.domain.errors import InvalidInputError, OpenOutcryError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.opinions import Classification, Signal
from openoutcry.domain.orders import Done, OrderIntent, Refused
from openoutcry.domain.units import NS_PER_S, TimestampNs
from openoutcry.memory.candle_window import MAX_CLOCK_LEAD_NS, CandleWindow, Prices
from openoutcry.memory.history_window import HistoryWindow
from openoutcry.plugins.parameters import Parametrised
from openoutcry.plugins.registry import did_you_mean
from openoutcry.plugins.source import last_line_in
from openoutcry.strategies.candle_join import CandleJoin, Joined
from openoutcry.strategies.leg import Leg
from openoutcry.strategies.outlook import Outlook
from openoutcry.strategies.serving import check_desk_serves
from openoutcry.strategies.strategy import Exposure, Market, Quotes, Strategy
from openoutcry.strategies.symbol_join import SymbolJoin

PositiveNs = Annotated[int, msgspec.Meta(gt=0)]
Change = Annotated[float, msgspec.Meta(ge=0.0, le=2.0)]  # of exposure; from -1 to 1 is 2
FeatureSource = Callable[[str], Mapping[str, float]]  # a symbol's features now, by name


class DeskSettings(Parametrised, frozen=True, kw_only=True):
    """How a desk turns wishes into intents.

    A change of the wanted exposure no larger than `no_trade_band` is no reason to trade; one of at least
    `twap_change` is spread over `horizon_ns`, a smaller one goes at once. An intent older than `ttl_ns` is
    void. Volatility is measured on `volatility_candles` returns.
    """

    no_trade_band: Change = 0.1
    twap_change: Change = 0.5
    horizon_ns: PositiveNs = 5 * NS_PER_S
    ttl_ns: PositiveNs = 2 * NS_PER_S
    volatility_candles: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 12
    long_only: bool = True


class StrategyDesk:
    """Asks the strategy about each candle that has been joined with its classification.

    Signals depend on what the strategy is shown alone. An intent follows when the wanted exposure leaves the
    no-trade band around the one last intended (see `Leg`). A strategy that looks at several symbols is asked
    when each of them has closed a candle at the same moment, and answers with a signal a symbol.

    A decider: CandleClosed, Classification → [Signal, OrderIntent]; CandleHistory, Done, Refused → nothing.
    """

    def __init__(
        self,
        *,
        symbol: str,
        strategy: Strategy,
        settings: DeskSettings | None = None,
        max_clock_lead_ns: int = MAX_CLOCK_LEAD_NS,
        windows: Sequence[HistoryWindow] = (),
        others: Sequence[str] = (),
        features: FeatureSource | None = None,
    ) -> None:
        """Set up for one symbol and the `others` that the strategy looks at.

        `windows` are given where the whole history is in memory already: one for each symbol, of several
        symbols with those candles alone that all of them have. `features` answers for a strategy that needs
        them.

        Raises:
            InvalidInputError: the desk cannot show the strategy what it needs, or not carry out what it says.
        """
        self._strategy = strategy
        self._name = strategy.name
        self._settings = settings or DeskSettings()
        self._needs = strategy.needs
        self._features = features
        self._symbol = symbol
        check_desk_serves(strategy, (symbol, *others), has_features=features is not None)
        made: Sequence[CandleWindow | HistoryWindow] = windows or [
            CandleWindow(symbol=each, capacity=self.warmup, max_clock_lead_ns=max_clock_lead_ns)
            for each in (symbol, *others)
        ]
        self._window = made[0]
        band, long_only = self._settings.no_trade_band, self._settings.long_only
        self._legs = {each.symbol: Leg(each, no_trade_band=band, long_only=long_only) for each in made}
        self._leg = self._legs[symbol]
        self._join = CandleJoin()
        self._symbols = SymbolJoin(tuple(self._legs), capacity=self.warmup) if others else None
        self._counts = {
            "strategy_signals": 0,
            "strategy_intents": 0,
            "strategy_orders_unfilled": 0,
            "strategy_failures": 0,
        }

    @property
    def warmup(self) -> int:
        """How many candles come before the first signal; a restart must replay as many."""
        return max(self._strategy.warmup, self._settings.volatility_candles + 1)

    def forget_intent(self) -> None:
        """The last intents may not have arrived: the next wish makes them again, whatever it is."""
        for leg in self._legs.values():
            leg.intended = None

    @property
    def counters(self) -> dict[str, float]:
        """Figures for monitoring."""
        joined = self._symbols.counts if self._symbols is not None else {}
        return {**self._counts, **self._join.counts, **joined}

    def skip(self, outlook: Outlook, start: int) -> int:
        """The first row at which it makes an intent, the number of candles if at none; those before count.

        `start` is the row behind the last intent: from there on a wish crosses the band only where it
        changes. The rows before the warm-up must have no wish.
        """
        return self._leg.skip(outlook, start)

    def decide(self, message: Message, now_ns: TimestampNs) -> Sequence[Message]:
        """Take one message.

        Raises:
            InvalidInputError: the message is of another kind or symbol, or its candle cannot be used.
            OpenOutcryError: the strategy raised. The candle counts as seen; nothing was signalled.
        """
        symbol = getattr(message, "symbol", self._symbol)
        leg = self._legs.get(symbol)
        if leg is None:
            raise InvalidInputError(
                f"{message.id} of {symbol} came to the strategy desk of {', '.join(self._legs)}"
            )
        match message:
            case CandleClosed():
                leg.window.check(message, now_ns)
                if self._symbols is not None:
                    return self._observe_together(self._symbols.take(message), now_ns)
                if not self._needs.opinions:
                    return self._observe([(message, None)], now_ns)
                return self._observe(self._join.take_candle(message), now_ns)
            case Classification():
                if not self._needs.opinions:
                    return ()
                return self._observe(self._join.take_classification(message), now_ns)
            case CandleHistory():
                self._take_history(leg, message, now_ns)
            case Done():
                self._counts["strategy_orders_unfilled"] += leg.end(message)
            case Refused():
                leg.refuse(message)
            case _:
                raise InvalidInputError(
                    f"a strategy desk does not take {type(message).__name__}; check the edges"
                )
        return ()

    def _take_history(self, leg: Leg, history: CandleHistory, now_ns: TimestampNs) -> None:
        """Warm up; several symbols only with moments that all of them have."""
        if self._symbols is None:
            before_ns = self._join.oldest_waiting_ns
            leg.window.merge(
                (each for each in history.candles if before_ns is None or each.close_ns < before_ns), now_ns
            )
            return
        for candle in sorted(history.candles, key=lambda each: each.close_ns):
            leg.window.check(candle, now_ns)
            self._append(self._symbols.take(candle) or (), now_ns)

    def _append(self, candles: Iterable[CandleClosed], now_ns: TimestampNs) -> None:
        for candle in candles:
            self._legs[candle.symbol].window.append(candle, now_ns)

    def _observe(self, joined: Sequence[Joined], now_ns: TimestampNs) -> Sequence[Message]:
        """Put released candles into the window; at most the last of them has a classification."""
        messages: list[Message] = []
        for candle, classification in joined:
            is_new = self._window.append(candle, now_ns)
            is_opinion_lost = self._needs.opinions and classification is None
            if not is_new or is_opinion_lost or len(self._window) < self.warmup:
                continue
            wish = self._ask(candle, classification)
            if wish is not None:
                cause_id = classification.id if classification is not None else candle.id
                signal = self._signal(wish.share, wish.reason, candle, cause_id)
                messages += self._say(self._leg, signal, candle, now_ns)
        return messages

    def _observe_together(
        self, candles: tuple[CandleClosed, ...] | None, now_ns: TimestampNs
    ) -> Sequence[Message]:
        """Put the candles of one moment into their windows, and ask once about all."""
        if candles is None:
            return ()
        self._append(candles, now_ns)
        if len(self._window) < self.warmup:
            return ()
        wish = self._ask(candles[0], None)
        if wish is None:
            return ()
        shares = {self._symbol: wish.share, **wish.others}
        messages: list[Message] = []
        for candle in candles:
            if candle.symbol in shares:  # else it has no opinion on this one
                signal = self._signal(shares[candle.symbol], wish.reason, candle, candle.id)
                messages += self._say(self._legs[candle.symbol], signal, candle, now_ns)
        return messages

    def _say(self, leg: Leg, signal: Signal, candle: CandleClosed, now_ns: TimestampNs) -> list[Message]:
        """The signal, and the intent if it is worth one."""
        self._counts["strategy_signals"] += 1
        if leg.must_trade(signal.exposure):
            return [signal, self._intend(leg, signal, candle, now_ns)]
        return [signal]

    def _signal(self, share: float, reason: str, candle: CandleClosed, cause_id: str) -> Signal:
        return Signal(
            id=f"signal:{self._name}:{candle.id}",
            cause_id=cause_id,
            symbol=candle.symbol,
            strategy=self._name,
            exposure=share,
            reason=reason,
            at_ns=candle.close_ns,
        )

    def _ask(self, candle: CandleClosed, classification: Classification | None) -> Exposure | None:
        count = self._strategy.warmup
        market = Market(
            candle.symbol,
            self._window.columns(count),
            candle.close_ns,
            classification,
            features=self._features(candle.symbol) if self._needs.features and self._features else {},
            others={
                symbol: leg.window.columns(count)
                for symbol, leg in self._legs.items()
                if symbol != self._symbol
            },
        )
        try:
            return self._checked_wish(self._strategy.observe(market))
        except (Exception, SystemExit) as error:
            self._counts["strategy_failures"] += 1
            raise OpenOutcryError(
                f"strategy {self._name} failed on {candle.id}: {type(error).__name__}: {error} "
                f"({raised_at(error, candle.close_ns)}); nothing was intended, repair the strategy"
            ) from error

    def _checked_wish(self, wish: object) -> Exposure | None:
        if wish is None:
            return None
        if isinstance(wish, Quotes):
            raise InvalidInputError(
                "observe answered Quotes, which a strategy desk cannot place; answer self.hold(…) or None, "
                "or declare that it needs the book"
            )
        if not isinstance(wish, Exposure):
            raise InvalidInputError(f"observe answered a {type(wish).__name__}; answer self.hold(…) or None")
        for symbol in wish.others:
            if symbol not in self._legs or symbol == self._symbol:
                known = [each for each in self._legs if each != self._symbol]
                raise InvalidInputError(
                    f"observe wants a share of {symbol!r} in `others`; {did_you_mean(symbol, known)}"
                )
        return wish

    def _intend(self, leg: Leg, signal: Signal, candle: CandleClosed, now_ns: TimestampNs) -> OrderIntent:
        exposure = leg.allowed(signal.exposure)
        change = leg.intend(exposure, f"intent:{self._name}:{candle.id}")
        self._counts["strategy_intents"] += 1
        return OrderIntent(
            id=leg.intent_id,
            cause_id=signal.id,
            symbol=signal.symbol,
            strategy=signal.strategy,
            exposure=exposure,
            reference_price_ticks=candle.close_ticks,
            volatility=volatility_of(leg.window.columns(self._settings.volatility_candles + 1).close),
            candle_seconds=(candle.close_ns - candle.open_ns) / NS_PER_S,
            style="twap" if change >= self._settings.twap_change else "immediate",
            horizon_ns=self._settings.horizon_ns,
            event_ns=candle.close_ns,
            deadline_ns=TimestampNs(now_ns + self._settings.ttl_ns),
        )


def raised_at(error: BaseException, now_ns: int) -> str:
    """Where a strategy raised: the market's time, and the last line of its own file."""
    moment = datetime.fromtimestamp(now_ns // NS_PER_S, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    calls = traceback.extract_tb(error.__traceback__)[1:]  # the first is ours, which asked
    if not calls or calls[0].filename == __file__:
        return f"at {moment}"
    file = calls[0].filename
    return f"at {moment}, {Path(file).name} line {last_line_in(file, error)}"


def volatility_of(close: Prices) -> float:
    """The sample standard deviation of log returns per candle, of at least three closes."""
    logs = np.log(close)
    returns = logs[1:] - logs[:-1]
    centred = returns - returns.sum() / len(returns)
    return math.sqrt(centred @ centred / (len(returns) - 1))
