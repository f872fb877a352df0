"""A small venue that a test writes the script of: frames, snapshots and pages of trades that agree."""

import asyncio
import json

from openoutcry.domain.instrument import Instrument

BTC = Instrument(
    venue="binance",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.01",
    size_step="0.00001",
    min_size_lots=1,
    max_size_lots=900_000_000,
    min_notional_atoms=5 * 10**8,
)
START_MS = 1_700_000_000_000
CHANNELS = ("depth", "trade", "book_ticker")


class ManualClock:
    """Time that passes when the test says so."""

    def __init__(self):
        self.now_ns = 0

    def wall_ns(self):
        return START_MS * 1_000_000 + self.now_ns

    def monotonic_ns(self):
        return self.now_ns

    def advance_ms(self, milliseconds):
        self.now_ns += milliseconds * 1_000_000


class VenueScript:
    """The truth at the venue, and the frames that tell of it. It is a feed's source too."""

    def __init__(self):
        self.update_id = 100
        self.bid_ticks = 6_000_000
        self.trades = []
        self.requests = []
        self.failures = []  # raised by the next requests, first come first served
        self.sinks = asyncio.Queue()

    # frames

    def depth(self):
        first, self.update_id = self.update_id + 1, self.update_id + 3
        self.bid_ticks += 1
        return json.dumps(
            {
                "e": "depthUpdate",
                "E": START_MS + self.update_id,
                "s": "BTCUSDT",
                "U": first,
                "u": self.update_id,
                "b": [
                    [BTC.price_text(self.bid_ticks - 1), "0.00000"],
                    [BTC.price_text(self.bid_ticks), "1.50000"],
                ],
                "a": [
                    [BTC.price_text(self.bid_ticks), "0.00000"],
                    [BTC.price_text(self.bid_ticks + 1), "0.50000"],
                ],
            }
        ).encode()

    def trade(self, at_ms, lots=100):
        identity = 1_000 + len(self.trades)
        self.trades.append((identity, START_MS + at_ms, lots))
        text = {
            "e": "trade",
            "E": START_MS + at_ms,
            "s": "BTCUSDT",
            "t": identity,
            "p": BTC.price_text(self.bid_ticks),
            "q": BTC.size_text(lots),
            "T": START_MS + at_ms,
            "m": identity % 2 == 0,
            "M": True,
        }
        return json.dumps(text).encode()

    def book_ticker(self):
        return json.dumps(
            {
                "u": self.update_id,
                "s": "BTCUSDT",
                "b": BTC.price_text(self.bid_ticks),
                "B": "1.50000",
                "a": BTC.price_text(self.bid_ticks + 1),
                "A": "0.50000",
            }
        ).encode()

    # the source

    async def stream(self, symbol, sink):
        await self.sinks.put(sink)
        await asyncio.Event().wait()

    async def depth_snapshot(self, symbol):
        self._answer("depth")
        bids = [[BTC.price_text(self.bid_ticks), "1.50000"], [BTC.price_text(self.bid_ticks - 50), "2.00000"]]
        asks = [
            [BTC.price_text(self.bid_ticks + 1), "0.50000"],
            [BTC.price_text(self.bid_ticks + 50), "3.00000"],
        ]
        return json.dumps({"lastUpdateId": self.update_id, "bids": bids, "asks": asks}).encode()

    async def historical_trades(self, symbol, first_trade_id, limit):
        self._answer(("trades", first_trade_id, limit))
        page = [trade for trade in self.trades if trade[0] >= first_trade_id][:limit]
        return json.dumps(
            [
                {
                    "id": identity,
                    "price": BTC.price_text(self.bid_ticks),
                    "qty": BTC.size_text(lots),
                    "quoteQty": "1.0",
                    "time": at_ms,
                    "isBuyerMaker": identity % 2 == 0,
                    "isBestMatch": True,
                }
                for identity, at_ms, lots in page
            ]
        ).encode()

    def _answer(self, request):
        self.requests.append(request)
        if self.failures:
            raise self.failures.pop(0)
