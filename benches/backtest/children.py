"""What `processes.py` starts to measure ours from within: `import MODULE FOLDER` or `memory FOLDER`."""

import importlib
import json
import sys
import time
from pathlib import Path

ROWS_A_CHUNK = 100_000
KB = 1024


def most_memory():
    """Bytes resident at most, of this process alone."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * KB


def imported(module):
    start_ns, start_cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    importlib.import_module(module)
    taken_ns, cpu_ns = time.perf_counter_ns() - start_ns, time.process_time_ns() - start_cpu_ns
    remark = f"processor {cpu_ns / 1e6:.0f} ms, {most_memory() / 1e6:.0f} MB resident"
    return {"figure": taken_ns, "state": [], "remark": remark}


def memory(folder):
    """Rows come from the file as the simulator asks for them."""
    import numpy as np

    from openoutcry.native import Simulator

    def chunks():
        with (Path(folder) / "quotes.bin").open("rb") as file:
            while len(rows := np.fromfile(file, np.int64, ROWS_A_CHUNK * 5)):
                yield rows.reshape(-1, 5)

    simulator = Simulator()
    simulator.add_instrument(price_tick="0.01", size_step="0.001")
    simulator.add_stream(0, chunks())
    seen = [0]

    def on_quote(*_quote):
        seen[0] += 1

    simulator.run_quotes(on_quote)
    return {"figure": most_memory(), "state": seen, "remark": ""}


if __name__ == "__main__":
    what, subject = sys.argv[1:3]
    print(json.dumps(imported(subject) if what == "import" else memory(subject)))
