"""The one door to the compiled core: every other module imports it from here."""

try:
    from openoutcry._core import (  # noqa: TID251  this file is the door
        BUILD_PROFILE,
        VERSION,
        AnomalyPanel,
        BookError,
        BookPublisher,
        BookReader,
        CoreError,
        DecodeError,
        HaltFlag,
        HistoryDecoder,
        L2Book,
        L3Book,
        LobsterHistory,
        MarketFeed,
        OrderError,
        RobustZScore,
        SeriesPanel,
        SimulatedVenue,
        Simulator,
        SyntheticMarket,
        clean_books,
        twap_schedule,
        vwap_schedule,
    )
except ImportError as error:  # the core was never built, or for another Python
    raise ImportError(
        f"the compiled core openoutcry._core cannot be loaded ({error}); build it with `make setup`"
    ) from error

__all__ = [
    "BUILD_PROFILE",
    "VERSION",
    "AnomalyPanel",
    "BookError",
    "BookPublisher",
    "BookReader",
    "CoreError",
    "DecodeError",
    "HaltFlag",
    "HistoryDecoder",
    "L2Book",
    "L3Book",
    "LobsterHistory",
    "MarketFeed",
    "OrderError",
    "RobustZScore",
    "SeriesPanel",
    "SimulatedVenue",
    "Simulator",
    "SyntheticMarket",
    "clean_books",
    "twap_schedule",
    "vwap_schedule",
]
