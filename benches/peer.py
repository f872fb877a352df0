"""A peer in a process of its own environment, asked over its standard input and output."""

import json
import subprocess
from pathlib import Path

from benches.work import UnavailableError

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".peers/bin/python"
SERVE = ROOT / "benches/peers/serve.py"


class Peer:
    """Made of `module:Class` in `benches/peers` and the folder of the input; waits between rounds."""

    def __init__(self, where: str, folder: Path):
        if not PYTHON.exists():
            raise UnavailableError("no .peers; `make bench-peers` installs it")
        command = [str(PYTHON), str(SERVE), where, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = self._answer()
        if "unavailable" in ready:
            self.close()
            raise UnavailableError(ready["unavailable"])
        self.units: int = ready["units"]
        self.remark: str = ready["remark"]

    def round(self) -> int:
        return self._ask("round")["figure"]

    def state(self) -> list[int]:
        return self._ask("state")["state"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, what: str) -> dict:
        print(what, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"{self._process.args[2]} ended with {self._process.wait()}; its stderr says why"
            )
        return json.loads(line)
