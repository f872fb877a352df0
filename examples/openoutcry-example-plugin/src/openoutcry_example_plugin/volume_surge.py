from typing import Annotated

import msgspec
import numpy as np

from openoutcry.memory.candle_window import CandleColumns
from openoutcry.models.classifier import Candles, Classifier, Opinion, opinion_from_scores


class VolumeSurge(Classifier, frozen=True):
    """Expects a candle's direction to go on if its volume is `surge` times the median or more."""

    length: Candles = 10
    surge: Annotated[float, msgspec.Meta(ge=1.0, le=100.0)] = 2.0

    @property
    def name(self) -> str:
        """The voter's name."""
        return "volume-surge"

    @property
    def warmup(self) -> int:
        """How many candles the median is taken of."""
        return self.length

    def classify(self, candles: CandleColumns) -> Opinion | None:
        """Abstain on ordinary volume."""
        usual = float(np.median(candles.volume))
        if usual == 0.0 or candles.volume[-1] < self.surge * usual:
            return None
        lean = float(np.sign(candles.close[-1] - candles.open[-1]))
        return opinion_from_scores(
            lean, 0.0, -lean, f"volume {candles.volume[-1] / usual:.1f} times the median"
        )
