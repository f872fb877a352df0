"""The standard library's logging of this process, as it was before Thespian replaced it.

Thespian puts a forwarder in the place of the root logger of every actor's process; it refuses handlers. This
module is imported before that happens (the transport's module imports it), so it can put things back.
"""

import logging
from pathlib import Path
from typing import Final

from openoutcry.monitoring.logs import LogLevel, configure_logging

_ROOT: Final = logging.root
_MANAGER: Final = logging.Logger.manager


def log_to(path: Path, *, level: LogLevel, role: str, run_id: str) -> None:
    """Log to the run's file, whatever Thespian did to the process's loggers."""
    logging.root = logging.Logger.root = _ROOT
    logging.Logger.manager = _MANAGER
    configure_logging(path, level=level, role=role, run_id=run_id)
