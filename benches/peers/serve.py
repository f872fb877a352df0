"""Serves one contender of `module:Class` to `benches/peer.py`: `round` or `state` in, a line of JSON out."""

import importlib
import json
import sys
from pathlib import Path

from unavailable import UnavailableError


def main():
    where, folder = sys.argv[1], Path(sys.argv[2])
    module, _, name = where.partition(":")
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    try:
        contender = getattr(importlib.import_module(module), name)(folder)
    except (ImportError, UnavailableError) as error:
        answer(unavailable=str(error))
        return
    answer(units=contender.units, remark=getattr(contender, "remark", ""))
    for line in sys.stdin:
        if line == "round\n":
            answer(figure=contender.round())
        else:
            answer(state=contender.state())


main()
