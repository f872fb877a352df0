"""Logs: JSON lines of every process into the run's log, with no secret in them."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from openoutcry.monitoring.redaction import REDACTION

LogLevel = Literal["debug", "info", "warning", "error"]


def configure_logging(path: Path, *, level: LogLevel = "info", role: str = "", run_id: str = "") -> None:
    """Send structlog's and the standard library's logs of this process to a file, one JSON object a line.

    Several processes may write the same file: a line is appended in one write. Calling it again replaces what
    it set up before.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _stamp(role, run_id),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redact,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, logging.FileHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The last step before the line is written."""
    del logger, method
    return REDACTION.clean(event)


def _stamp(role: str, run_id: str) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    """Say of every line whose it is."""
    facts: dict[str, Any] = {key: value for key, value in (("role", role), ("run_id", run_id)) if value}

    def stamp(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        del logger, method
        return {**facts, **event}

    return stamp
