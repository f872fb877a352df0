"""The standard library's logging of this process, as it was before Thespian replaced it.

Thespian puts a forwarder in the place of the root logger of every actor's process; it refuses handlers. This
module is imported before that happens (the transport's module imports it), so it can put things back.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openoutcry.monitoring.logs import LogLevel

_ROOT: Final = logging.root
_MANAGER: Final = logging.Logger.manager


def log_to(path: Path, *, level: "LogLevel", role: str, run_id: str) -> None:
    """Log to the run's file, whatever Thespian did to the process's loggers."""
    from openoutcry.monitoring.logs import configure_logging  # noqa: PLC0415  Thespian's own processes need it not

    theirs = logging.Logger.manager
    logging.root = logging.Logger.root = _ROOT
    logging.Logger.manager = _MANAGER
    if theirs is not _MANAGER:
        _adopt(theirs)
    configure_logging(path, level=level, role=role, run_id=run_id)


def _adopt(theirs: logging.Manager) -> None:
    """Modules imported meanwhile hold loggers of Thespian's manager: let them log to our root."""
    for name, logger in theirs.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.parent = _ROOT
            logger.manager = _MANAGER
            _MANAGER.loggerDict[name] = logger
