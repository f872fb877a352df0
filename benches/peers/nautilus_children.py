"""Started by `benches/backtest/processes.py` to measure nautilus-trader: `import` or `memory FOLDER`."""

import json
import sys
import time
from pathlib import Path

KB = 1024


def most_memory():
    """Bytes resident at most, of this process alone."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * KB


def imported():
    start_ns, start_cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    from nautilus_trader.backtest import BacktestEngine  # noqa: F401

    taken_ns, cpu_ns = time.perf_counter_ns() - start_ns, time.process_time_ns() - start_cpu_ns
    remark = f"processor {cpu_ns / 1e6:.0f} ms, {most_memory() / 1e6:.0f} MB resident"
    return {"figure": taken_ns, "state": [], "remark": remark}


def memory(folder):
    """Everything that is replayed has to be an object, and in the engine, before it runs."""
    import nautilus_engine
    import nautilus_quotes
    import numpy as np

    digits = nautilus_quotes.PRICE_DIGITS
    rows = np.fromfile(Path(folder) / "quotes.bin", np.int64).reshape(-1, 5)
    engine = nautilus_engine.new_engine(digits)
    engine.add_data([nautilus_engine.quote(row.tolist(), digits) for row in rows])
    counter = nautilus_engine.new_strategy(nautilus_quotes.Counting)
    engine.add_strategy(counter)
    engine.run()
    return {"figure": most_memory(), "state": [counter.seen], "remark": ""}


if __name__ == "__main__":
    print(json.dumps(imported() if sys.argv[1] == "import" else memory(sys.argv[2])))
