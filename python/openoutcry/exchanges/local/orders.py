"""The orders and trades that the local exchange remembers, and how they look on the wire."""

from typing import Literal

import msgspec

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import TimeInForce
from openoutcry.domain.units import ATOMS_PER_UNIT, Side, atoms_to_text
from openoutcry.exchanges.local.account import Account
from openoutcry.exchanges.local.filters import OrderType

OrderStatus = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED"]
ExecutionType = Literal["NEW", "TRADE", "CANCELED", "EXPIRED"]

_SELF_TRADE_MODE = "EXPIRE_TAKER"  # what the matching does when an order meets one of ours
_NO_LIST = -1


class VenueTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of one of our orders."""

    trade_id: int
    order_id: int
    side: Side
    price_ticks: int
    size_lots: int
    quote_atoms: int
    commission_atoms: int
    commission_asset: str
    is_maker: bool
    at_ms: int


class VenueOrder(msgspec.Struct, kw_only=True):
    """An order as the venue holds it. `reserve_price_ticks` is the price its reservation was made at."""

    order_id: int
    client_order_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price_ticks: int  # 0 for MARKET
    reserve_price_ticks: int
    size_lots: int
    created_ms: int
    updated_ms: int
    filled_lots: int = 0
    quote_atoms: int = 0
    status: OrderStatus = "NEW"
    trades: list[VenueTrade] = []

    @property
    def is_open(self) -> bool:
        """True while it can still be filled."""
        return self.status in {"NEW", "PARTIALLY_FILLED"}

    @property
    def leaves_lots(self) -> int:
        """What is not filled."""
        return self.size_lots - self.filled_lots


class WireFormat:
    """Orders, trades and balances of one instrument as Binance's JSON, with its eight decimals."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._atoms_per_tick = int(instrument.tick * ATOMS_PER_UNIT)

    def price(self, price_ticks: int) -> str:
        """A price as text."""
        return atoms_to_text(price_ticks * self._atoms_per_tick)

    def size(self, size_lots: int) -> str:
        """A size as text."""
        return atoms_to_text(size_lots * self.instrument.base_atoms_per_lot)

    def _order(self, order: VenueOrder) -> dict[str, object]:
        return {
            "symbol": self.instrument.venue_symbol,
            "orderId": order.order_id,
            "orderListId": _NO_LIST,
            "clientOrderId": order.client_order_id,
            "price": self.price(order.price_ticks),
            "origQty": self.size(order.size_lots),
            "executedQty": self.size(order.filled_lots),
            "origQuoteOrderQty": atoms_to_text(0),
            "cummulativeQuoteQty": atoms_to_text(order.quote_atoms),
            "status": order.status,
            "timeInForce": order.time_in_force,
            "type": order.order_type,
            "side": order.side.upper(),
            "selfTradePreventionMode": _SELF_TRADE_MODE,
        }

    def placed(self, order: VenueOrder, response_type: str) -> dict[str, object]:
        """The answer to a new order, as newOrderRespType asks for it."""
        full = self._order(order) | {"transactTime": order.updated_ms, "workingTime": order.created_ms}
        if response_type == "ACK":
            names = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
            return {name: full[name] for name in names}
        if response_type == "FULL":
            full["fills"] = [
                {
                    "price": self.price(trade.price_ticks),
                    "qty": self.size(trade.size_lots),
                    "commission": atoms_to_text(trade.commission_atoms),
                    "commissionAsset": trade.commission_asset,
                    "tradeId": trade.trade_id,
                }
                for trade in order.trades
            ]
        return full

    def canceled(self, order: VenueOrder, cancel_id: str) -> dict[str, object]:
        """The answer to a cancel."""
        return self._order(order) | {
            "origClientOrderId": order.client_order_id,
            "clientOrderId": cancel_id,
            "transactTime": order.updated_ms,
        }

    def queried(self, order: VenueOrder) -> dict[str, object]:
        """The answer to a query."""
        return self._order(order) | {
            "stopPrice": atoms_to_text(0),
            "icebergQty": atoms_to_text(0),
            "time": order.created_ms,
            "updateTime": order.updated_ms,
            "workingTime": order.created_ms,
            "isWorking": True,
        }

    def own_trade(self, trade: VenueTrade) -> dict[str, object]:
        """One of our trades, for myTrades."""
        return {
            "symbol": self.instrument.venue_symbol,
            "id": trade.trade_id,
            "orderId": trade.order_id,
            "orderListId": _NO_LIST,
            "price": self.price(trade.price_ticks),
            "qty": self.size(trade.size_lots),
            "quoteQty": atoms_to_text(trade.quote_atoms),
            "commission": atoms_to_text(trade.commission_atoms),
            "commissionAsset": trade.commission_asset,
            "time": trade.at_ms,
            "isBuyer": trade.side == "buy",
            "isMaker": trade.is_maker,
            "isBestMatch": True,
        }

    def execution_report(
        self,
        order: VenueOrder,
        execution: ExecutionType,
        *,
        execution_id: int,
        trade: VenueTrade | None = None,
        cancel_id: str | None = None,
    ) -> dict[str, object]:
        """An event of the user stream. A cancel's own id is `c`, and the order's moves to `C`."""
        at_ms = trade.at_ms if trade else order.updated_ms
        zero = atoms_to_text(0)
        return {
            "e": "executionReport",
            "E": at_ms,
            "s": self.instrument.venue_symbol,
            "c": cancel_id or order.client_order_id,
            "S": order.side.upper(),
            "o": order.order_type,
            "f": order.time_in_force,
            "q": self.size(order.size_lots),
            "p": self.price(order.price_ticks),
            "P": zero,
            "F": zero,
            "g": _NO_LIST,
            "C": order.client_order_id if cancel_id else "",
            "x": execution,
            "X": order.status,
            "r": "NONE",
            "i": order.order_id,
            "l": self.size(trade.size_lots) if trade else zero,
            "z": self.size(order.filled_lots),
            "L": self.price(trade.price_ticks) if trade else zero,
            "n": atoms_to_text(trade.commission_atoms) if trade else "0",
            "N": trade.commission_asset if trade else None,
            "T": at_ms,
            "t": trade.trade_id if trade else -1,
            "I": execution_id,
            "w": order.is_open,
            "m": trade.is_maker if trade else False,
            "M": trade is not None,
            "O": order.created_ms,
            "Z": atoms_to_text(order.quote_atoms),
            "Y": atoms_to_text(trade.quote_atoms) if trade else zero,
            "Q": zero,
            "W": order.created_ms,
            "V": _SELF_TRADE_MODE,
        }

    def account_position(self, account: Account, assets: tuple[str, ...], at_ms: int) -> dict[str, object]:
        """An event of the user stream: the balances that an event changed."""
        balances = [
            {
                "a": asset,
                "f": atoms_to_text(account.of(asset).free),
                "l": atoms_to_text(account.of(asset).locked),
            }
            for asset in assets
        ]
        return {"e": "outboundAccountPosition", "E": at_ms, "u": at_ms, "B": balances}

    def account(self, account: Account, at_ms: int) -> dict[str, object]:
        """The answer to /account."""
        # Binance writes commissions in units of which 10,000 are the whole, and rates as decimal text.
        rates = {
            "maker": atoms_to_text(account.maker_fee_millionths * 100),
            "taker": atoms_to_text(account.taker_fee_millionths * 100),
            "buyer": atoms_to_text(0),
            "seller": atoms_to_text(0),
        }
        return {
            "makerCommission": account.maker_fee_millionths // 100,
            "takerCommission": account.taker_fee_millionths // 100,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": rates,
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": at_ms,
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": atoms_to_text(each.free), "locked": atoms_to_text(each.locked)}
                for asset, each in sorted(account.balances.items())
            ],
            "permissions": ["SPOT"],
            "uid": 1,
        }
