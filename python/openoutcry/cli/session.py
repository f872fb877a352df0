"""One run of the trading system, from its folder to its record: what `demo` and `run` share."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from openoutcry.actors.ports import free_port
from openoutcry.actors.protocol import SystemStopped
from openoutcry.actors.system import SystemFailedError, TradingSystem
from openoutcry.assembly import factory
from openoutcry.assembly.paths import (
    RunPaths,
    RunRecord,
    create_run,
    end_record,
    halt_latch,
    new_run_id,
    settings_state_dir,
    write_record,
)
from openoutcry.assembly.settings import Settings, check_names, config_hash
from openoutcry.assembly.versions import versions
from openoutcry.cli.run_snapshot import ask
from openoutcry.domain.errors import HaltedError
from openoutcry.domain.instrument import Instrument
from openoutcry.memory.database import WriterLock


class Session:
    """A run: its folder, its record and its actors. As a context manager it leaves no process behind.

    Raises:
        HaltedError: the halt is armed; it has to be lifted first.
        OpenOutcryError: the settings, the venue or the system do not let it start.
    """

    _lock: WriterLock | None = None

    def __init__(
        self,
        settings: Settings,
        *,
        data_source: str,
        data_hash: str,
        replay_speed: float = 0.0,
        is_alone: bool = False,
    ) -> None:
        """`is_alone` keeps a second such run off the same state folder: two must not trade one account."""
        self.settings = _with_monitoring_port(settings)
        self.paths: RunPaths
        self._facts = (data_source, data_hash, replay_speed)
        self._system: TradingSystem
        self._monitoring: tuple[str, int] = ("", 0)
        self._is_stopped = False
        self._is_alone = is_alone

    def __enter__(self) -> Self:
        check_names(self.settings)
        state = settings_state_dir(self.settings)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._is_alone:
            self._lock = WriterLock(state / "run")
        halt = halt_latch(self.settings).read()
        if halt is not None:
            raise HaltedError(
                f"the halt is armed ({halt.reason}, by {halt.by}); lift it with `openoutcry resume`"
            )
        rules = asyncio.run(_look_at_venue(self.settings))
        self.paths = create_run(state, new_run_id(time.time_ns()))
        self._write_record(rules)
        self._system = TradingSystem(self.settings, self.paths.run_dir, self.paths.run_id)
        try:
            self._system.__enter__()
            url = self._system.info["monitoring_url"]
            place = urlsplit(url)
            self._monitoring = (place.hostname or "", place.port or 0)
            self._write_record(rules, url)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # Whatever failed here, what rests at the venue is withdrawn; a second signal forgoes that.
            if not (self._is_stopped or isinstance(error, KeyboardInterrupt)) and self._system.is_running:
                with contextlib.suppress(SystemFailedError):
                    self.stop("the run failed" if error is not None else "the run ended")
        finally:
            self._system.__exit__(kind, error, trace)
            if self._lock is not None:
                self._lock.release()
        if error is not None:
            outcome = f"ended by {type(error).__name__}: {error}"
            end_record(self.paths, ended_ns=time.time_ns(), outcome=outcome, summary={})

    @property
    def monitoring_url(self) -> str:
        """Where /metrics and /status are served."""
        return "http://{}:{}".format(*self._monitoring)

    def check(self) -> None:
        """Raises SystemFailedError if nobody looks after the actors any more."""
        self._system.check()

    def status(self) -> dict[str, Any]:
        """What every actor said last. Empty if monitoring is being restarted."""
        return ask(self.monitoring_url, self.paths.run_id) or {}

    def stop(self, reason: str) -> SystemStopped:
        """Stop every actor in order: nothing rests at the venue afterwards, and all is accounted for."""
        self._is_stopped = True
        return self._system.stop(reason)

    def end(self, outcome: str, summary: Mapping[str, Any]) -> None:
        """Write how it ended."""
        end_record(self.paths, ended_ns=time.time_ns(), outcome=outcome, summary=summary)

    def _write_record(self, rules: Mapping[str, Instrument], monitoring_url: str = "") -> None:
        data_source, data_hash, replay_speed = self._facts
        record = RunRecord(
            run_id=self.paths.run_id,
            pid=os.getpid(),
            mode=self.settings.mode,
            started_ns=time.time_ns(),
            deployment_id=self.settings.deployment_id,
            config_hash=config_hash(self.settings),
            data_source=data_source,
            data_hash=data_hash,
            replay_speed=replay_speed,
            seed=self.settings.seed,
            monitoring_url=monitoring_url,
            versions=versions(),
            instruments=dict(rules),
            settings=msgspec.to_builtins(self.settings),
        )
        write_record(self.paths, record)


def _with_monitoring_port(settings: Settings) -> Settings:
    """Choose the free port here: a monitoring actor that is restarted must be found where it was."""
    monitoring = settings.monitoring
    if monitoring.port:
        return settings
    monitoring = msgspec.structs.replace(monitoring, port=free_port(monitoring.host))
    return msgspec.structs.replace(settings, monitoring=monitoring)


async def _look_at_venue(settings: Settings) -> dict[str, Instrument]:
    """The venue's rules for every symbol.

    Asked before anything starts, with the key: a wrong symbol or key is told at once.
    """
    market = factory.market_data(settings)
    try:
        rules = {symbol: await market.instrument(symbol) for symbol in settings.symbols}
    finally:
        await market.close()
    account = factory.trading(settings)
    try:
        await account.balances()
    finally:
        await account.close()
    return rules


def state_path(given: Path | None) -> dict[str, object]:
    """`--state-dir` as an override of the settings."""
    return {} if given is None else {"paths.state_dir": str(given)}
