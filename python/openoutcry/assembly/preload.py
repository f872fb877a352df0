"""Importing once what several processes of the system need."""

import gc
import importlib
from typing import Final

from openoutcry.exchanges import ccxt_client

MODULES: Final = (
    "openoutcry.native",
    "openoutcry.assembly.factory",
    "openoutcry.monitoring.exporter",
    "openoutcry.risk_management.officer",
    "openoutcry.models.shipped",
    "openoutcry.strategies.shipped",
    "openoutcry.strategies.desk",
    "openoutcry.execution.desk",
    "openoutcry.ingestion.feed",
    "openoutcry.exchanges.ccxt_market_data",
    "openoutcry.exchanges.ccxt_trading",
)


def preload() -> None:
    """Import what the roles will need, and let the collector leave it alone.

    Processes that are forked from this one share its memory until they write to it; a collection would write
    to every object.
    """
    for name in MODULES:
        importlib.import_module(name)
    ccxt_client.load_library()
    gc.collect()
    gc.freeze()
