"""Runs one strategy on one symbol: from candles and opinions to signals and intents."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import numpy as np

from openoutcry.domain.control import CandleHistory
from openoutcry.domain.errors import InvalidInputError, OpenOutcryError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.opinions import Classification, Signal
from openoutcry.domain.orders import Fill, OrderIntent, Refused
from openoutcry.domain.units import NS_PER_S, TimestampNs
from openoutcry.memory.candle_window import MAX_CLOCK_LEAD_NS, CandleWindow, Prices
from openoutcry.memory.history_window import HistoryWindow
from openoutcry.plugins.parameters import Parametrised
from openoutcry.strategies.candle_join import CandleJoin, Joined
from openoutcry.strategies.outlook import Outlook
from openoutcry.strategies.strategy import Exposure, Market, Strategy

MAX_RETRY_CANDLES: Final = 32  # the longest pause before a refused intent is tried again

PositiveNs = Annotated[int, msgspec.Meta(gt=0)]
Change = Annotated[float, msgspec.Meta(ge=0.0, le=2.0)]  # of exposure; from -1 to 1 is 2


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

    Signals depend on candles alone. An intent follows when the wanted exposure leaves the no-trade band
    around the one last intended; the first wish after a start always makes one, because what is held then
    is not known here. A refused intent is tried again with growing pauses (1, 2, 4 … candles).

    A decider: CandleClosed, Classification → [Signal, OrderIntent]; CandleHistory, Fill, Refused → nothing.
    """

    def __init__(
        self,
        *,
        symbol: str,
        strategy: Strategy,
        settings: DeskSettings | None = None,
        max_clock_lead_ns: int = MAX_CLOCK_LEAD_NS,
        window: CandleWindow | HistoryWindow | None = None,
    ) -> None:
        """Set up for one symbol; `window` is given where the whole history is in memory already."""
        self._strategy = strategy
        self._name = strategy.name
        self._settings = settings or DeskSettings()
        if window is None:
            window = CandleWindow(symbol=symbol, capacity=self.warmup, max_clock_lead_ns=max_clock_lead_ns)
        self._window = window
        self._join = CandleJoin()
        self._intended: float | None = None
        self._intent_id = ""
        self._refusals = 0
        self._pause_candles: int | None = None  # until a refused intent is tried again
        self._counts = {
            "strategy_signals": 0,
            "strategy_intents": 0,
            "strategy_fills": 0,
            "strategy_failures": 0,
        }

    @property
    def warmup(self) -> int:
        """How many candles come before the first signal; a restart must replay as many."""
        return max(self._strategy.warmup, self._settings.volatility_candles + 1)

    def forget_intent(self) -> None:
        """The last intent may not have arrived: the next candle's wish makes one again, whatever it is."""
        self._intended = None

    @property
    def counters(self) -> dict[str, float]:
        """Figures for monitoring."""
        return {**self._counts, **self._join.counts}

    def skip(self, outlook: Outlook, start: int) -> int:
        """The first row at which it makes an intent, the number of candles if at none; those before count.

        `start` is the row behind the last intent: from there on a wish crosses the band only where it
        changes. The rows before the warm-up must have no wish.
        """
        if self._intended is None:
            return outlook.row_of_wish(start, 1)
        found = len(outlook)
        for index in range(bisect_left(outlook.rows, start), len(outlook.rows)):
            if abs(self._allowed(outlook.shares[index]) - self._intended) > self._settings.no_trade_band:
                found = outlook.rows[index]
                break
        if self._pause_candles is not None:
            found = min(found, outlook.row_of_wish(start, self._pause_candles))
            self._pause_candles -= outlook.wishes_between(start, found)
        return found

    def decide(self, message: Message, now_ns: TimestampNs) -> Sequence[Message]:
        """Take one message.

        Raises:
            InvalidInputError: the message is of another kind or symbol, or its candle cannot be used.
            OpenOutcryError: the strategy raised. The candle counts as seen; nothing was signalled.
        """
        symbol = getattr(message, "symbol", self._window.symbol)
        if symbol != self._window.symbol:
            raise InvalidInputError(
                f"{message.id} of {symbol} came to the strategy desk of {self._window.symbol}"
            )
        match message:
            case CandleClosed():
                self._window.check(message, now_ns)
                if not self._strategy.needs.opinions:
                    return self._observe([(message, None)], now_ns)
                return self._observe(self._join.take_candle(message), now_ns)
            case Classification():
                if not self._strategy.needs.opinions:
                    return ()
                return self._observe(self._join.take_classification(message), now_ns)
            case CandleHistory():
                before_ns = self._join.oldest_waiting_ns
                self._window.merge(
                    (
                        candle
                        for candle in message.candles
                        if before_ns is None or candle.close_ns < before_ns
                    ),
                    now_ns,
                )
            case Fill():
                self._counts["strategy_fills"] += 1
            case Refused():
                self._take_refusal(message)
            case _:
                raise InvalidInputError(
                    f"a strategy desk does not take {type(message).__name__}; check the edges"
                )
        return ()

    def _observe(self, joined: Sequence[Joined], now_ns: TimestampNs) -> Sequence[Message]:
        """Put released candles into the window; at most the last of them has a classification."""
        messages: list[Message] = []
        for candle, classification in joined:
            is_new = self._window.append(candle, now_ns)
            is_opinion_lost = self._strategy.needs.opinions and classification is None
            if not is_new or is_opinion_lost or len(self._window) < self.warmup:
                continue
            wish = self._ask(candle, classification)
            if wish is None:
                continue
            signal = self._signal(wish, candle, classification)
            self._counts["strategy_signals"] += 1
            messages.append(signal)
            if self._must_trade(signal.exposure):
                messages.append(self._intend(signal, candle, now_ns))
        return messages

    def _ask(self, candle: CandleClosed, classification: Classification | None) -> Exposure | None:
        columns = self._window.columns(self._strategy.warmup)
        market = Market(candle.symbol, columns, candle.close_ns, classification)
        try:
            return _checked_wish(self._strategy.observe(market))
        except (Exception, SystemExit) as error:
            self._counts["strategy_failures"] += 1
            raise OpenOutcryError(
                f"strategy {self._name} failed on {candle.id}: {type(error).__name__}: {error}; "
                "nothing was intended, repair the strategy"
            ) from error

    def _signal(self, wish: Exposure, candle: CandleClosed, classification: Classification | None) -> Signal:
        return Signal(
            id=f"signal:{self._name}:{candle.id}",
            cause_id=classification.id if classification is not None else candle.id,
            symbol=candle.symbol,
            strategy=self._name,
            exposure=wish.share,
            reason=wish.reason,
            at_ns=candle.close_ns,
        )

    def _allowed(self, exposure: float) -> float:
        return max(0.0, exposure) if self._settings.long_only else exposure

    def _must_trade(self, exposure: float) -> bool:
        if (
            self._intended is None
            or abs(self._allowed(exposure) - self._intended) > self._settings.no_trade_band
        ):
            self._refusals = 0
            return True
        if self._pause_candles is None:
            return False
        self._pause_candles -= 1
        return self._pause_candles <= 0

    def _intend(self, signal: Signal, candle: CandleClosed, now_ns: TimestampNs) -> OrderIntent:
        exposure = self._allowed(signal.exposure)
        change = abs(exposure - (self._intended or 0.0))
        self._intended, self._pause_candles = exposure, None
        self._intent_id = f"intent:{self._name}:{candle.id}"
        self._counts["strategy_intents"] += 1
        return OrderIntent(
            id=self._intent_id,
            cause_id=signal.id,
            symbol=signal.symbol,
            strategy=signal.strategy,
            exposure=exposure,
            reference_price_ticks=candle.close_ticks,
            volatility=volatility_of(self._window.columns(self._settings.volatility_candles + 1).close),
            candle_seconds=(candle.close_ns - candle.open_ns) / NS_PER_S,
            style="twap" if change >= self._settings.twap_change else "immediate",
            horizon_ns=self._settings.horizon_ns,
            event_ns=candle.close_ns,
            deadline_ns=TimestampNs(now_ns + self._settings.ttl_ns),
        )

    def _take_refusal(self, refused: Refused) -> None:
        """Whatever was refused is still wanted; but asking at every candle would be noise."""
        if refused.intent_id == self._intent_id:
            self._pause_candles = min(2**self._refusals, MAX_RETRY_CANDLES)
            self._refusals = min(self._refusals + 1, MAX_RETRY_CANDLES)


def _checked_wish(wish: object) -> Exposure | None:
    if wish is None or isinstance(wish, Exposure):
        return wish
    raise InvalidInputError(f"observe answered a {type(wish).__name__}; answer self.hold(…) or None")


def volatility_of(close: Prices) -> float:
    """The sample standard deviation of log returns per candle, of at least three closes."""
    logs = np.log(close)
    returns = logs[1:] - logs[:-1]
    centred = returns - returns.sum() / len(returns)
    return math.sqrt(centred @ centred / (len(returns) - 1))
