"""Splits recorded sessions into inputs of a local corpus, not for committing.

`recorded_seeds.py TARGET FILE [FRAMES]`: FILE is JSONL with `{"t": "recv", "data": …}` lines, or lines
`<received_ns> <json>`; unpack it first. Each input holds FRAMES (8 by default) frames in their order.
"""

import json
import sys
from pathlib import Path

DEFAULT_FRAMES = 8


def frames(path):
    for line in path.read_text().splitlines():
        if not line.startswith("{"):
            yield line.partition(" ")[2]
            continue
        record = json.loads(line)
        if record.get("t") == "recv" and "data" in record:
            yield record["data"]


def main(target, path, count=DEFAULT_FRAMES):
    folder = Path(__file__).parent / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    received = list(frames(Path(path)))
    for begin in range(0, len(received), int(count)):
        session = "\n".join(received[begin : begin + int(count)])
        (folder / f"recorded_{begin:06}").write_text(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
