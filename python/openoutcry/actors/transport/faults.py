"""Letting a fault of native code kill its process.

Thespian installs a handler for every signal, and one that returns from a segmentation fault runs into it
again, for ever.
"""

import signal
from typing import Final

FAULT_SIGNALS: Final = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)


def let_faults_kill() -> None:
    """Give the fault signals back what they do by default. To be called after Thespian has taken them."""
    for each in FAULT_SIGNALS:
        signal.signal(each, signal.SIG_DFL)
