"""Writes further orders and trades into a recorded stream, which remains one that the venue could have sent.

The recorded book stays as it is underneath. What is injected lies above it: sizes that are added to a level,
and levels at the touch that are hidden, as if taken or withdrawn. A change is told as the venue would: its
level in the next depth update, a new touch at once in a bookTicker, a trade at once. Each has an update id of
its own; whatever the recording numbers after it moves up.

An injected order that the recorded market would trade with is withdrawn before the book could be crossed.
"""

from bisect import bisect_left
from dataclasses import dataclass

import msgspec
from benches.anomaly.recording import NS_PER_MS, RecordedBook, TextGrid

BID, ASK = "b", "a"
Touch = tuple[int, int, int, int]


def opposite(side: str) -> str:
    """The other side of the book."""
    return ASK if side == BID else BID


@dataclass(frozen=True, slots=True)
class _Change:
    """Something injected that no depth update has told yet; it follows the recorded id `position`."""

    position: int
    side: str
    ticks: int
    units: int
    # `ticks` is the bound of what is visible from here on, and no level's price.
    is_bound: bool = False


class _Layer:
    """What is injected, at one moment: added sizes and the bound of what is visible, for each side."""

    def __init__(self) -> None:
        self.added: dict[str, dict[int, int]] = {BID: {}, ASK: {}}
        # Bids above and asks below it are hidden; 0 hides nothing.
        self.bound: dict[str, int] = {BID: 0, ASK: 0}

    def is_empty(self) -> bool:
        return not (self.added[BID] or self.added[ASK] or self.bound[BID] or self.bound[ASK])

    def hides(self, side: str, ticks: int) -> bool:
        bound = self.bound[side]
        return bool(bound) and (ticks > bound if side == BID else ticks < bound)

    def shown(self, side: str, ticks: int, recorded_units: int) -> int:
        recorded = 0 if self.hides(side, ticks) else recorded_units
        return recorded + self.added[side].get(ticks, 0)

    def apply(self, change: _Change) -> None:
        if change.is_bound:
            self.bound[change.side] = change.ticks
            return
        added = self.added[change.side]
        units = added.get(change.ticks, 0) + change.units
        if units > 0:
            added[change.ticks] = units
        else:
            added.pop(change.ticks, None)

    def best_added(self, side: str) -> int:
        added = self.added[side]
        if not added:
            return 0
        return max(added) if side == BID else min(added)


def better(side: str, one: int, other: int) -> int:
    """The price that is nearer to the other side; 0 is no price."""
    if not one or not other:
        return one or other
    return max(one, other) if side == BID else min(one, other)


class Splice:
    """A stream on its way from the recording to the output. `lines` is what was written so far."""

    def __init__(self, grid: TextGrid) -> None:
        self.grid = grid
        self.lines: list[bytes] = []
        self.now_ms = 0
        # Injected orders that the market ran into, and trades and changes injected, so far.
        self.withdrawn = 0
        self.injected = 0
        self._recorded = RecordedBook(grid)
        self._book = self._recorded.sides
        self._book_touch: Touch | None = None
        self._ticker: tuple[int, Touch] | None = None
        self._now = _Layer()
        self._told = _Layer()
        self._waiting: list[_Change] = []
        self._positions: list[int] = []
        self._newest_id = 0
        self._trade_id = 0
        self._trades = 0
        self._trade_ms = 0
        self._ticker_ms = 0
        self._received_ns = 0
        self._next_received_ns = 0
        self._lag_ns = 0
        self._templates: dict[str, dict] = {}
        self._visible: dict[tuple[str, int], int] = {}

    # What a pattern may look at and do.

    def touch(self) -> Touch:
        """Best bid and ask in ticks and units, as the output stands now."""
        return self._over(self._now, self._recorded_touch())

    def standing(self, side: str, until_ticks: int) -> int:
        """What the recorded market shows of a side, from the output's touch to before a price, in units."""
        bid, _, ask, _ = self.touch()
        prices = range(until_ticks + 1, bid + 1) if side == BID else range(ask, until_ticks)
        return sum(units for ticks, units in self._book[side].items() if ticks in prices)

    def place(self, side: str, ticks: int, units: int) -> None:
        """Add an order. One that would trade at once is not placed."""
        bid, _, ask, _ = self.touch()
        if (side == BID and ticks >= ask) or (side == ASK and ticks <= bid):
            self.withdrawn += 1
            return
        self._change(side, ticks, units)

    def withdraw(self, side: str, ticks: int, units: int) -> None:
        """Take back what was added to a level, as far as it is still there."""
        added = self._now.added[side].get(ticks, 0)
        if added:
            self._change(side, ticks, -min(units, added))

    def withdraw_all(self) -> None:
        """Take everything back: the output is the recorded market again."""
        before = self.touch()
        self._clear()
        self._tell_touch(before)

    def hide(self, side: str, bound_ticks: int) -> None:
        """Hide the recorded bids above, or asks below, a price."""
        before = self.touch()
        self._hide(side, bound_ticks)
        self._tell_touch(before)

    def push(self, side: str, bound_ticks: int, order: tuple[int, int] | None = None) -> None:
        """In place of all that was injected: `side` hidden up to the bound, an order of the other side."""
        before = self.touch()
        self._clear()
        self._hide(side, bound_ticks)
        if order:
            self._record(opposite(side), *order)
        self._tell_touch(before)

    def trade(self, taker: str, ticks: int, units: int) -> None:
        """Print a trade; `taker` is BID for a buyer. What it takes from the book is for the caller to say."""
        message = self._copy("trade")
        data = message["data"]
        self._trades += 1
        self._trade_ms = self.now_ms
        data.update(t=self._trade_id + self._trades, p=self.grid.price(ticks), q=self.grid.size(units))
        data.update(E=self.now_ms, T=self.now_ms, m=taker == ASK)
        if "X" in data:
            data["X"] = "MARKET"
        self._positions.append(self._newest_id)
        self.injected += 1
        self._write(self._received(), message)

    # The recorded stream.

    def take(self, received_ns: int, message: dict) -> None:
        """Write the recording's next line, as it must read now; `message` becomes that."""
        if "data" not in message:
            self._take_snapshot(message)
            self._write(received_ns, message)
            return
        data = message["data"]
        if "E" in data:
            self.now_ms = max(self.now_ms, data["E"])
            self._lag_ns = data["E"] * NS_PER_MS - received_ns
        event = data.get("e", "bookTicker")
        if event == "trade":
            self._take_trade(data)
        elif event == "bookTicker":
            self._take_ticker(data)
        else:
            self._take_depth(data)
        self._templates.setdefault(event, message)
        self._write(received_ns, message)

    def advance(self, now_ms: int, next_received_ns: int) -> None:
        """Go on to a venue time, before the recording's next line, which is received then."""
        self.now_ms = max(self.now_ms, now_ms)
        self._next_received_ns = next_received_ns

    def is_done(self) -> bool:
        """Nothing injected is left in the output's book."""
        return not self._waiting and self._now.is_empty() and self._told.is_empty()

    def _take_snapshot(self, message: dict) -> None:
        self._recorded.take_snapshot(message)
        self._book_touch = None
        message["lastUpdateId"] = self._moved(message["lastUpdateId"])

    def _take_trade(self, data: dict) -> None:
        self._trade_id = data["t"]
        data["t"] += self._trades
        data["E"], data["T"] = max(data["E"], self._trade_ms), max(data["T"], self._trade_ms)
        if data.get("X", "MARKET") != "MARKET" or not any(self._now.bound.values()):
            return
        # There may be nothing at the recorded price: the taker pays the output's touch.
        bid, _, ask, _ = self.touch()
        data["p"] = self.grid.price(bid if data["m"] else ask)

    def _take_ticker(self, data: dict) -> None:
        update_id = data["u"]
        touch = (
            self.grid.ticks(data["b"]),
            self.grid.units(data["B"]),
            self.grid.ticks(data["a"]),
            self.grid.units(data["A"]),
        )
        if not self._ticker or update_id > self._ticker[0]:
            self._ticker = update_id, touch
        self._newest_id = max(self._newest_id, update_id)
        data["u"] = self._moved(update_id)
        if "E" in data:
            data["E"], data["T"] = max(data["E"], self._ticker_ms), max(data["T"], self._ticker_ms)
        if self._now.is_empty():
            return
        self._withdraw_crossing()
        self._set_touch(data, self.touch())

    def _take_depth(self, data: dict) -> None:
        # Before the snapshot it is kept as it is, and nothing has been injected that would move its ids.
        changed = self._recorded.take_update(data)
        last_id = data["u"]
        self._book_touch = None
        self._newest_id = max(self._newest_id, last_id)
        if not self._positions:
            return
        data["U"] = self._moved(data["U"] - 1) + 1
        data["u"] = self._moved(last_id)
        if "pu" in data:
            data["pu"] = self._moved(data["pu"])
        self._visible.clear()
        if self.is_done():
            return
        self._withdraw_crossing()
        told = self._tell_waiting(last_id)
        for side, recorded in changed.items():
            levels = dict.fromkeys(recorded) | dict.fromkeys(told[side])
            if told[side] or not self._told.is_empty():
                data[side] = [self._level(side, ticks) for ticks in levels]

    def _tell_waiting(self, last_id: int) -> dict[str, set[int]]:
        """Apply the changes that a depth update up to `last_id` tells; returns the levels to write."""
        told: dict[str, set[int]] = {BID: set(), ASK: set()}
        count = sum(change.position < last_id for change in self._waiting)
        for change in self._waiting[:count]:
            if change.is_bound:
                told[change.side] |= self._between(change.side, self._told.bound[change.side], change.ticks)
            else:
                told[change.side].add(change.ticks)
            self._told.apply(change)
        del self._waiting[:count]
        # The book of the depth updates may be ahead of the tickers, and then of the injected withdrawals.
        book_touch = self._touch_of_book()
        for side, ticks, units in self._crossing(self._told, book_touch):
            self._told.apply(_Change(0, side, ticks, -units))
            gone = side, ticks, False
            self._waiting = [one for one in self._waiting if (one.side, one.ticks, one.is_bound) != gone]
            self.withdrawn += self._now.added[side].pop(ticks, 0) > 0
            told[side].add(ticks)
        return told

    def _between(self, side: str, old: int, new: int) -> set[int]:
        """Recorded prices that a change of the bound hides or shows."""
        before, after = _Layer(), _Layer()
        before.bound[side], after.bound[side] = old, new
        return {t for t in self._book[side] if before.hides(side, t) != after.hides(side, t)}

    def _level(self, side: str, ticks: int) -> list[str]:
        units = self._told.shown(side, ticks, self._book[side].get(ticks, 0))
        return [self.grid.price(ticks), self.grid.size(units)]

    # The output's state.

    def _recorded_touch(self) -> Touch:
        if self._ticker and self._ticker[0] >= self._recorded.last_id:
            return self._ticker[1]
        return self._touch_of_book()

    def _touch_of_book(self) -> Touch:
        if self._book_touch is None:
            bids, asks = self._book[BID], self._book[ASK]
            bid, ask = max(bids), min(asks)
            self._book_touch = bid, bids[bid], ask, asks[ask]
        return self._book_touch

    def _over(self, layer: _Layer, touch: Touch) -> Touch:
        """The touch with a layer above it."""
        return (
            *self._best(layer, BID, touch[0], touch[1]),
            *self._best(layer, ASK, touch[2], touch[3]),
        )

    def _best(self, layer: _Layer, side: str, ticks: int, units: int) -> tuple[int, int]:
        recorded, recorded_units = ticks, units
        if layer.hides(side, ticks):
            recorded = self._first_visible(side, layer.bound[side])
            recorded_units = self._book[side].get(recorded, 0)
        best = better(side, recorded, layer.best_added(side))
        added = layer.added[side].get(best, 0)
        return best, added + (recorded_units if best == recorded else 0)

    def _first_visible(self, side: str, bound: int) -> int:
        key = side, bound
        if key not in self._visible:
            book = self._book[side]
            self._visible[key] = (
                max(t for t in book if t <= bound) if side == BID else min(t for t in book if t >= bound)
            )
        return self._visible[key]

    def _crossing(self, layer: _Layer, touch: Touch) -> list[tuple[str, int, int]]:
        """Injected orders that the market around them would trade with."""
        found = []
        for side in (BID, ASK):
            if not layer.added[side]:
                continue
            other = opposite(side)
            at = 0 if other == BID else 2
            limit, _ = self._best(layer, other, touch[at], touch[at + 1])
            found += [
                (side, ticks, units)
                for ticks, units in layer.added[side].items()
                if (ticks >= limit if side == BID else ticks <= limit)
            ]
        return found

    def _withdraw_crossing(self) -> None:
        for side, ticks, units in self._crossing(self._now, self._recorded_touch()):
            self._record(side, ticks, -units)
            self.withdrawn += 1

    def _clear(self) -> None:
        for side in (BID, ASK):
            for ticks, units in list(self._now.added[side].items()):
                self._record(side, ticks, -units)
            if self._now.bound[side]:
                self._record(side, 0, 0, is_bound=True)

    def _hide(self, side: str, bound_ticks: int) -> None:
        self._record(side, bound_ticks, 0, is_bound=True)
        self._withdraw_crossing()

    def _change(self, side: str, ticks: int, units: int) -> None:
        before = self.touch()
        self._record(side, ticks, units)
        self._tell_touch(before)

    def _record(self, side: str, ticks: int, units: int, *, is_bound: bool = False) -> None:
        change = _Change(self._newest_id, side, ticks, units, is_bound)
        self._now.apply(change)
        self._waiting.append(change)
        self._positions.append(change.position)
        self.injected += 1

    def _tell_touch(self, before: Touch) -> None:
        after = self.touch()
        if after == before:
            return
        message = self._copy("bookTicker")
        data = message["data"]
        # Every injected id follows an id already seen, so this is the highest of all.
        data["u"] = self._newest_id + len(self._positions)
        if "E" in data:
            self._ticker_ms = self.now_ms
            data.update(E=self.now_ms, T=self.now_ms)
        self._set_touch(data, after)
        self._write(self._received(), message)

    def _set_touch(self, data: dict, touch: Touch) -> None:
        bid, bid_units, ask, ask_units = touch
        data.update(b=self.grid.price(bid), B=self.grid.size(bid_units))
        data.update(a=self.grid.price(ask), A=self.grid.size(ask_units))

    # Output.

    def _moved(self, update_id: int) -> int:
        """A recorded id, moved up by the injected ids before it."""
        return update_id + bisect_left(self._positions, update_id)

    def _copy(self, event: str) -> dict:
        template = self._templates[event]
        return {**template, "data": dict(template["data"])}

    def _received(self) -> int:
        """When the recorder would have received something that the venue sent now."""
        received_ns = min(self.now_ms * NS_PER_MS - self._lag_ns, self._next_received_ns)
        return max(self._received_ns, received_ns)

    def _write(self, received_ns: int, message: dict) -> None:
        self._received_ns = received_ns
        self.lines.append(b"%d %b" % (received_ns, msgspec.json.encode(message)))
