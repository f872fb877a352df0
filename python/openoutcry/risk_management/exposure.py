"""What risk believes the account to be: holdings, and what approved orders may still add to them."""

from collections import OrderedDict

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Done, Fill, PositionReport
from openoutcry.domain.units import Side, SizeLots
from openoutcry.risk_management.limits import MAX_REMEMBERED_TRADES


class Reservation:
    """The unfilled lots of an approved order. `is_acknowledged` once execution has spoken of it."""

    def __init__(self, side: Side, size_lots: int, limit_price_ticks: int) -> None:
        self.side = side
        self.size_lots = size_lots
        self.limit_price_ticks = limit_price_ticks
        self.is_acknowledged = False


class Purse:
    """The cash of one asset of settlement, and every symbol that is paid from it."""

    def __init__(self) -> None:
        self.cash_atoms = 0
        self.members: list[Exposure] = []

    @property
    def is_known(self) -> bool:
        """Every position was reported, and whatever is held has a price."""
        for each in self.members:
            if not each.is_known or not (each.mark_ticks or not each.held_atoms):
                return False
        return True

    def add(self, member: "Exposure") -> None:
        """Pay for one more symbol.

        Raises:
            ConfigurationError: it is of another kind than those before; cash is not margin.
        """
        kinds = {each.instrument.kind for each in self.members} | {member.instrument.kind}
        if len(kinds) > 1:
            symbols = ", ".join(each.instrument.symbol for each in [*self.members, member])
            raise ConfigurationError(
                f"{symbols} are paid from the same {member.instrument.settlement}, but are of several kinds; "
                "run one account for each kind"
            )
        self.members.append(member)

    def equity_atoms(self) -> int:
        """Cash and everything held at its last price, in atoms of settlement."""
        equity = self.cash_atoms
        for each in self.members:
            equity += each.value_atoms(each.mark_ticks)
        return equity

    def reserved_cash_atoms(self) -> int:
        """Cash that open purchases of all symbols may take."""
        return sum(each.reserved_cash_atoms(each.mark_ticks) for each in self.members)

    def worst_notional_atoms(self) -> int:
        """What all positions may be worth, without their signs, whichever of the open orders are filled."""
        return sum(each.worst_notional_atoms(each.mark_ticks) for each in self.members)


class Exposure:
    """One symbol's position, cash and reservations, counted independently of execution's ledger.

    Nothing is known until the first PositionReport; each one is the truth of its moment (execution's messages
    arrive in order). Orders that execution has open beyond our own reservations are *inherited*: reserved as
    a sum, and asked about again when an order ends. `mark_ticks` is the last usable price, 0 before the
    first.
    """

    def __init__(self, instrument: Instrument, purse: Purse | None = None) -> None:
        self.instrument = instrument
        self.purse = purse or Purse()
        self.purse.add(self)
        self.is_known = False
        self.mark_ticks = 0
        self.base_atoms = 0
        self.fees_quote_atoms = 0
        self._foreign_base_atoms = 0  # held before we traded, and not ours to sell
        self._reservations: dict[str, Reservation] = {}
        self._inherited: dict[Side, int] = {"buy": 0, "sell": 0}
        self._trades: OrderedDict[str, None] = OrderedDict()

    @property
    def cash_atoms(self) -> int:
        """Cash of the purse, which other symbols may share."""
        return self.purse.cash_atoms

    @property
    def held_atoms(self) -> int:
        """Base atoms held from trading; negative if a contract was sold short."""
        return self.base_atoms - self._foreign_base_atoms

    @property
    def position_lots(self) -> SizeLots:
        """Whole lots held from trading; negative if a contract was sold short."""
        return SizeLots(self.held_atoms // self.instrument.base_atoms_per_lot)

    @property
    def sellable_lots(self) -> SizeLots:
        """Whole lots that can be sold: held, ours, and not being sold already; of contracts any size."""
        if self.instrument.is_contract:
            return self.instrument.max_size_lots
        held = min(self.base_atoms // self.instrument.base_atoms_per_lot, self.position_lots)
        return SizeLots(max(held - self.reserved_lots("sell"), 0))

    @property
    def has_inherited(self) -> bool:
        """Whether lots are reserved for orders that we did not approve ourselves."""
        return any(self._inherited.values())

    def reserved_lots(self, side: Side) -> SizeLots:
        """Lots of one side that live orders may still fill."""
        lots = self._inherited[side]
        for item in self._reservations.values():
            if item.side == side:
                lots += item.size_lots
        return SizeLots(lots)

    def reserved_cash_atoms(self, price_ticks: int) -> int:
        """Cash that open purchases may take, at their limit prices (inherited ones at the given price)."""
        own = sum(
            self.instrument.notional_atoms(item.limit_price_ticks, item.size_lots)
            for item in self._reservations.values()
            if item.side == "buy"
        )
        return own + self.instrument.notional_atoms(price_ticks, self._inherited["buy"])

    def value_atoms(self, price_ticks: int) -> int:
        """What is held at a price adds to the cash, rounded down; negative if short (of inverse, if long)."""
        if self.instrument.kind == "inverse":
            return self.instrument.worth_atoms(price_ticks, self.position_lots)
        worth = self.held_atoms * price_ticks * self.instrument.atoms_per_tick_lot
        return worth // self.instrument.base_atoms_per_lot

    def worst_notional_atoms(self, price_ticks: int, *, buying: int = 0, selling: int = 0) -> int:
        """The most the position may be worth, without its sign, with orders for so many lots more."""
        highest = self.position_lots + self.reserved_lots("buy") + buying
        lowest = self.position_lots - self.reserved_lots("sell") - selling
        return self.instrument.notional_atoms(price_ticks, max(abs(highest), abs(lowest)))

    def reserve(self, parent_id: str, side: Side, size_lots: int, limit_price_ticks: int) -> None:
        """An order was approved: it counts at once."""
        self._reservations[parent_id] = Reservation(side, size_lots, limit_price_ticks)

    def acknowledge(self, parent_id: str) -> None:
        """Execution has the order."""
        if parent_id in self._reservations:
            self._reservations[parent_id].is_acknowledged = True

    def on_fill(self, fill: Fill) -> bool:
        """Move filled lots from reservation to position; False for a trade seen before or too early."""
        if not self.is_known or fill.trade_id in self._trades:
            return False
        self._trades[fill.trade_id] = None
        if len(self._trades) > MAX_REMEMBERED_TRADES:
            self._trades.popitem(last=False)
        sign = 1 if fill.side == "buy" else -1
        self.base_atoms += sign * fill.size_lots * self.instrument.base_atoms_per_lot
        bought_lots = sign * fill.size_lots
        self.purse.cash_atoms += self.instrument.cash_flow_atoms(fill.price_ticks, bought_lots)
        if fill.fee_asset == self.instrument.settlement:
            self.purse.cash_atoms -= fill.fee_atoms
        elif fill.fee_asset == self.instrument.base:
            self.base_atoms -= fill.fee_atoms
        reservation = self._reservations.get(fill.parent_id)
        if reservation is not None:
            reservation.is_acknowledged = True
            reservation.size_lots = max(reservation.size_lots - fill.size_lots, 0)
        else:
            self._inherited[fill.side] = max(self._inherited[fill.side] - fill.size_lots, 0)
        return True

    def on_done(self, done: Done) -> None:
        """Release what an order did not fill."""
        self._reservations.pop(done.parent_id, None)

    def on_report(self, report: PositionReport) -> None:
        """Take execution's word for what is held and open."""
        self.is_known = True
        self.base_atoms, self.purse.cash_atoms = report.base_atoms, report.cash_atoms
        self.fees_quote_atoms = int(report.fees_quote_atoms)
        self._foreign_base_atoms = (
            report.base_atoms - report.position_lots * self.instrument.base_atoms_per_lot
        )
        open_lots: dict[Side, int] = {"buy": report.open_buy_lots, "sell": report.open_sell_lots}
        for side, lots in open_lots.items():
            own = sum(
                item.size_lots
                for item in self._reservations.values()
                if item.side == side and item.is_acknowledged
            )
            self._inherited[side] = max(lots - own, 0)
