import pytest

from openoutcry.native import BUILD_PROFILE


def pytest_configure():
    """Figures of a debug build would be wrong by an order of magnitude."""
    if BUILD_PROFILE != "release":
        raise pytest.UsageError(
            f"the core is a {BUILD_PROFILE} build; run `make bench`, which builds a release"
        )
