"""backtesting.py's cross of two averages, as its manual writes it: `FOLDER FAST SLOW`; no chart is drawn."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from backtesting.lib import crossover
from backtesting.test import SMA

from backtesting import Backtest, Strategy

CASH = 10_000_000


class Cross(Strategy):
    fast = slow = 0

    def init(self):
        self.fast_average = self.I(SMA, self.data.Close, self.fast)
        self.slow_average = self.I(SMA, self.data.Close, self.slow)

    def next(self):
        if crossover(self.fast_average, self.slow_average):
            self.position.close()
            self.buy()
        elif crossover(self.slow_average, self.fast_average):
            self.position.close()
            self.sell()


folder, fast, slow = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
prices = np.load(folder / "candles.npy")
index = pd.date_range("2023-01-01", periods=len(prices), freq="5min")
frame = pd.DataFrame(prices, index, ["Open", "High", "Low", "Close"])
backtest = Backtest(frame, Cross, cash=CASH, commission=0.0005, finalize_trades=True)
found = backtest.run(fast=fast, slow=slow)
print(json.dumps({"bars": len(frame), "trades": int(found["# Trades"])}))
