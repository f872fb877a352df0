"""A run whose system is the test itself: a real monitoring server that is told what the test wants."""

import itertools
import os

from openoutcry.assembly.paths import RunRecord, create_run, end_record, write_record
from openoutcry.domain.control import Heartbeat
from openoutcry.domain.units import NS_PER_MS, NS_PER_S
from openoutcry.monitoring.exporter import MonitoringServer
from openoutcry.monitoring.observer import Observer

T0 = 1_723_161_600 * NS_PER_S


class WatchedRun:
    """Its clock stands at `now_ns` until the test moves it."""

    def __init__(self, state, run_id="r-1"):
        self.now_ns = T0
        self.paths = create_run(state, run_id)
        self.observer = Observer(facts={"run_id": run_id})
        self.server = MonitoringServer(self.observer, wall_ns=lambda: self.now_ns)
        self._ids = itertools.count()
        write_record(
            self.paths,
            RunRecord(
                run_id=run_id,
                pid=os.getpid(),
                mode="paper",
                started_ns=2**62,
                monitoring_url=self.server.url,
            ),
        )

    def beat(self, role, *, state="running", pid=7, ago_ms=0, last_message_ago_ms=None, **values):
        """A heartbeat that came `ago_ms` ago."""
        last_ms = last_message_ago_ms
        last_ns = 0 if last_ms is None else self.now_ns - last_ms * NS_PER_MS
        heartbeat = Heartbeat(
            id=f"h:{next(self._ids)}", role=role, pid=pid, state=state, last_message_ns=last_ns, **values
        )
        self.observer.observe(heartbeat, self.now_ns - ago_ms * NS_PER_MS)

    def end(self, outcome="the replay ended"):
        end_record(self.paths, ended_ns=2**62 + 1, outcome=outcome, summary={})

    def close(self):
        self.server.close()
