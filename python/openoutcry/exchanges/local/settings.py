"""How a local exchange is set up. The settings hold no secret."""

import ipaddress
from pathlib import Path
from typing import Final

import msgspec

from openoutcry.domain.errors import ConfigurationError
from openoutcry.exchanges.local.account import DEFAULT_FEE_MILLIONTHS
from openoutcry.exchanges.local.faults import Fault

DEFAULT_PORT: Final = 48_090
MAX_PORT: Final = 65_535
MAX_SPEED: Final = 10_000.0


class LocalExchangeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `openoutcry exchange`.

    `port` 0 takes a free one. `speed` is a factor on the recorded times; 0 is as fast as the clients read.
    `balances` is decimal text by asset. Fees are in millionths (1,000 = 10 basis points). `synthetic` asks
    for the synthetic market even where a recording is at hand. `duration_s` ends the market after so many
    seconds of its own time. The market waits for POST /control/start unless `is_started`.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    symbol: str = "BTC/USDT"
    data: Path | None = None
    synthetic: bool = False
    seed: int = 0
    is_started: bool = False
    duration_s: int | None = None
    speed: float = 1.0
    faults: tuple[Fault, ...] = ()
    balances: dict[str, str] = msgspec.field(default_factory=lambda: {"USDT": "100000"})
    maker_fee_millionths: int = DEFAULT_FEE_MILLIONTHS
    taker_fee_millionths: int = DEFAULT_FEE_MILLIONTHS

    def __post_init__(self) -> None:
        if not _is_loopback(self.host):
            raise ConfigurationError(
                f"the local exchange listens on loopback only, not on {self.host}; use 127.0.0.1"
            )
        if not 0 <= self.port <= MAX_PORT:
            raise ConfigurationError(f"port {self.port} is not in 0 to {MAX_PORT}; 0 takes a free one")
        if not 0 <= self.speed <= MAX_SPEED:  # NaN fails too
            raise ConfigurationError(
                f"speed {self.speed} is not in 0 to {MAX_SPEED:g}; 0 is as fast as possible"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
