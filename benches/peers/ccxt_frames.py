"""ccxt.pro on a stream's frames: its own client's and exchange's path from the text to book and trades.

`orjson` is installed, so that ccxt parses by it. Nobody waits for the data: `watch_*` would cost more.
"""

import asyncio
import json
import time

import ccxt.pro
import orjson
from ccxt.async_support.base.ws.order_book import OrderBook

URLS = {"spot": "wss://stream.binance.com:9443/stream", "usdm": "wss://fstream.binance.com/public/ws"}


def new_exchange(facts):
    is_spot = facts["product"] == "spot"
    exchange = ccxt.pro.binance() if is_spot else ccxt.pro.binanceusdm()
    market = {
        "id": facts["symbol"],
        "symbol": "BTC/USDT" if is_spot else "BTC/USDT:USDT",
        "base": "BTC",
        "quote": "USDT",
        "type": "spot" if is_spot else "swap",
        "spot": is_spot,
        "swap": not is_spot,
        "contract": not is_spot,
        "active": True,
        "precision": {"price": float(facts["price_tick"]), "amount": float(facts["size_step"])},
    }
    if not is_spot:
        market |= {"settle": "USDT", "linear": True, "contractSize": 1}
    exchange.set_markets([exchange.safe_market_structure(market)])
    return exchange, exchange.markets_by_id[facts["symbol"]][0]["symbol"]


class Frames:
    def __init__(self, folder):
        self.facts = json.loads((folder / "facts.json").read_text())
        self.frames = (folder / "frames.txt").read_text().split("\n")
        self.units = len(self.frames)

    def round(self):
        return asyncio.run(self._round_ns())

    async def _round_ns(self):
        self.exchange, self.symbol = new_exchange(self.facts)
        try:
            client = self.exchange.client(URLS[self.facts["product"]])
            self.begin()
            return self.replay(client.handle_text_or_binary_message)
        finally:
            await self.exchange.close()


class Depth(Frames):
    def __init__(self, folder):
        super().__init__(folder)
        self.snapshot = json.loads((folder / "snapshot.json").read_text())
        self.units = self.facts["levels"]

    def begin(self):
        parsed = self.exchange.parse_order_book(self.snapshot, self.symbol)
        parsed["nonce"] = self.snapshot["lastUpdateId"]
        self.book = self.exchange.orderbooks[self.symbol] = self.exchange.order_book(parsed)

    def replay(self, handle):
        bids, asks = self.book["bids"], self.book["asks"]
        start_ns = time.thread_time_ns()
        for frame in self.frames:
            handle(frame)
            bids[0], asks[0]
        return time.thread_time_ns() - start_ns

    def state(self):
        steps = (float(self.facts["price_tick"]), float(self.facts["size_step"]))
        touch = (self.book["bids"][0], self.book["asks"][0])
        return [round(value / step) for level in touch for value, step in zip(level, steps, strict=True)]


class OrjsonDepth(Depth):
    """Without ccxt's exchange: its book is filled from what orjson parsed."""

    def round(self):
        self.book = OrderBook(
            {
                side: [[float(each) for each in level] for level in self.snapshot[side]]
                for side in ("bids", "asks")
            }
        )
        bids, asks = self.book["bids"], self.book["asks"]
        start_ns = time.thread_time_ns()
        for frame in self.frames:
            message = orjson.loads(frame)
            data = message.get("data", message)
            for price, size in data["b"]:
                bids.store(float(price), float(size))
            for price, size in data["a"]:
                asks.store(float(price), float(size))
            bids[0], asks[0]
        return time.thread_time_ns() - start_ns


class Trades(Frames):
    def begin(self):
        pass

    def replay(self, handle):
        start_ns = time.thread_time_ns()
        for frame in self.frames:
            handle(frame)
        return time.thread_time_ns() - start_ns

    def state(self):
        # It keeps the last thousand trades only, so their number is the frames'.
        return [len(self.frames), int(self.exchange.trades[self.symbol][-1]["id"])]
