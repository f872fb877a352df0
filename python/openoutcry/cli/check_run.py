"""From the options of `openoutcry check` to its report."""

from collections.abc import Sequence
from pathlib import Path

from openoutcry.backtesting.candle_backtest import frozen_columns
from openoutcry.backtesting.history.datasets import load_only_candles
from openoutcry.backtesting.history.source import ImportOptions
from openoutcry.backtesting.lookahead import LookaheadReport, check_classifier, check_strategy
from openoutcry.cli.parameters import typed_parameters
from openoutcry.cli.progress_bar import progress_bar
from openoutcry.domain.errors import InvalidInputError
from openoutcry.models.classifier import Classifier
from openoutcry.models.locate import classifier_of
from openoutcry.models.shipped import classifier_registry
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import did_you_mean
from openoutcry.plugins.source import factory_at, is_place
from openoutcry.strategies.locate import strategy_of
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Strategy


def run_check(
    subject: str,
    data: Path | None,
    symbol: str,
    params: Sequence[str],
    seed: int,
    *,
    shows_progress: bool = False,
) -> LookaheadReport:
    """Find it, make it, check it.

    Raises:
        OpenOutcryError: it is not there, does not take the parameters, or the data cannot be used.
    """
    plugins = Plugins()
    plugins.load_installed()
    parameters = typed_parameters(params)
    candles = None
    if data is not None:
        candles = frozen_columns(load_only_candles(data, options=ImportOptions(symbol=symbol)).series)
    with progress_bar("questions", is_shown=shows_progress) as tell:
        if _is_classifier(subject, plugins):
            classifier = classifier_of(subject, parameters, plugins)
            return check_classifier(classifier, candles, seed=seed, progress=tell)
        strategy = strategy_of(subject, parameters, plugins)
        return check_strategy(strategy, candles, seed=seed, progress=tell)


def _is_classifier(subject: str, plugins: Plugins) -> bool:
    if is_place(subject):
        factory, _ = factory_at(subject, (Strategy, Classifier))
        return isinstance(factory, type) and issubclass(factory, Classifier)
    strategies, classifiers = strategy_registry(plugins), classifier_registry(plugins)
    if strategies.has(subject) or Path(f"{subject}.py").is_file():
        return False
    if classifiers.has(subject):
        return True
    known = (*strategies.names, *classifiers.names)
    raise InvalidInputError(f"there is no strategy or classifier {subject!r}; {did_you_mean(subject, known)}")
