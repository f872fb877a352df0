"""The trader's account at the local exchange: balances in atoms, reservations and commissions."""

from typing import Final

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import Side

FEE_DENOMINATOR: Final = 1_000_000  # fees are given in millionths
DEFAULT_FEE_MILLIONTHS: Final = 1_000  # 10 basis points, Binance spot's base rate


class Balance(msgspec.Struct):
    """One asset: what can be used, and what open orders hold. Atoms, never negative."""

    free: int = 0
    locked: int = 0


class Account:
    """Balances that orders reserve, fills move and fees reduce. An amount never becomes negative."""

    def __init__(
        self, balances: dict[str, int], *, maker_fee_millionths: int, taker_fee_millionths: int
    ) -> None:
        for asset, atoms in balances.items():
            if atoms < 0:
                raise InvalidInputError(f"the balance of {asset} is {atoms} atoms; it cannot be negative")
        for fee in (maker_fee_millionths, taker_fee_millionths):
            if not 0 <= fee < FEE_DENOMINATOR:
                raise InvalidInputError(
                    f"a fee of {fee} millionths is out of range; give 0 to {FEE_DENOMINATOR - 1}"
                )
        self.balances = {asset: Balance(free=atoms) for asset, atoms in balances.items()}
        self.maker_fee_millionths = maker_fee_millionths
        self.taker_fee_millionths = taker_fee_millionths

    def of(self, asset: str) -> Balance:
        """The balance of an asset."""
        return self.balances.setdefault(asset, Balance())

    def reserve(self, asset: str, atoms: int) -> bool:
        """Lock an amount for an order; False, and nothing done, if there is not that much free."""
        balance = self.of(asset)
        if balance.free < atoms:
            return False
        balance.free -= atoms
        balance.locked += atoms
        return True

    def release(self, asset: str, atoms: int) -> None:
        """Unlock what an order no longer needs."""
        balance = self.of(asset)
        if atoms > balance.locked:
            raise AssertionError(f"{atoms} atoms of {asset} cannot be released: {balance.locked} are locked")
        balance.locked -= atoms
        balance.free += atoms

    def exchange(
        self, *, paid: str, paid_atoms: int, received: str, received_atoms: int, commission_atoms: int
    ) -> None:
        """Pay from what is locked, and receive net of the commission."""
        source = self.of(paid)
        if paid_atoms > source.locked:
            raise AssertionError(f"{paid_atoms} atoms of {paid} cannot be paid: {source.locked} are locked")
        source.locked -= paid_atoms
        self.of(received).free += received_atoms - commission_atoms

    def commission(self, received_atoms: int, *, is_maker: bool) -> int:
        """The fee on an amount received, rounded *up* to the atom, never in the trader's favour."""
        rate = self.maker_fee_millionths if is_maker else self.taker_fee_millionths
        return -(-received_atoms * rate // FEE_DENOMINATOR)


def paying_asset(side: Side, base: str, quote: str) -> str:
    """What an order of this side pays with, and so reserves."""
    return quote if side == "buy" else base
