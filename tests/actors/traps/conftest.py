import multiprocessing.resource_tracker
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # of the processes of the actor systems as well

from staging import MARKER, Staged, marked, slay


@pytest.fixture
def start(monkeypatch, tmp_path):
    """A factory of actor systems. None of their processes outlives the test, and ours end by themselves."""
    multiprocessing.resource_tracker.ensure_running()  # of this process, and of no test
    monkeypatch.setenv(MARKER, str(tmp_path))
    monkeypatch.setenv("THESPLOG_FILE", str(tmp_path / "thesplog"))
    running = []

    def make(base):
        running.append(Staged(base, tmp_path))
        return running[-1]

    yield make
    try:
        for each in running:
            each.end()
    finally:
        slay(marked(tmp_path))
        for each in running:
            shutil.rmtree(each.sockets, ignore_errors=True)
