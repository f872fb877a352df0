"""Which versions a run is made of, for its record."""

import platform
from importlib.metadata import version
from typing import Final

from openoutcry.native import BUILD_PROFILE, VERSION

_PACKAGES: Final = ("openoutcry", "ccxt", "thespian", "TA-Lib", "numpy", "msgspec")


def versions() -> dict[str, str]:
    """Versions by name: Python, the core and its build profile, and the libraries a result depends on."""
    return {
        "python": platform.python_version(),
        "core": f"{VERSION} ({BUILD_PROFILE})",
        **{name: version(name) for name in _PACKAGES},
    }
