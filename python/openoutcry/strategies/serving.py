"""Whether a strategy gets what it needs where it is to run."""

from collections.abc import Sequence

from openoutcry.domain.errors import InvalidInputError
from openoutcry.strategies.strategy import Strategy


def check_desk_serves(strategy: Strategy, symbols: Sequence[str], *, has_features: bool) -> None:
    """Refuse at once what could not work later: a desk shows candles and trades exposures.

    Raises:
        InvalidInputError: the desk cannot show the strategy what it needs, or not carry out what it says.
    """
    needs, name = strategy.needs, strategy.name
    if needs.book:
        raise InvalidInputError(
            f"{name} quotes, and a strategy desk trades exposures only; run it in a backtest of book events"
        )
    if needs.features and not has_features:
        raise InvalidInputError(
            f"{name} needs the features of the book, and nothing here gives them; run it where books are"
        )
    if len(symbols) != needs.symbols or len(set(symbols)) != len(symbols):
        raise InvalidInputError(
            f"{name} looks at {needs.symbols} different symbols, not at {', '.join(symbols)}; "
            "name as many as it needs"
        )
    if needs.symbols > 1 and needs.opinions:
        raise InvalidInputError(
            f"{name} needs opinions and several symbols at once, which no desk joins; drop one of the needs"
        )


def check_live_serves(strategy: Strategy) -> None:
    """Refuse a strategy that live actors cannot serve: they show candles of one symbol, and opinions.

    Raises:
        InvalidInputError: it needs more.
    """
    needs, name = strategy.needs, strategy.name
    for is_needed, what in (
        (needs.book, "the book, to quote"),
        (needs.features, "the features of the book"),
        (needs.symbols > 1, f"{needs.symbols} symbols at once"),
    ):
        if is_needed:
            raise InvalidInputError(
                f"{name} needs {what}, which paper and live runs do not give yet; backtest it, or choose one "
                "that needs candles and opinions of one symbol"
            )
