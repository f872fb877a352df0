"""The local exchange as a child process: it starts or says why not, and does not outlive its parent."""

import os

import pytest

from openoutcry.cli.local_venue import LocalVenue
from openoutcry.domain.errors import VenueError

WAIT_S = 60


def test_a_child_that_does_not_start_is_quoted_and_gone(tmp_path):
    venue = LocalVenue(["--data", str(tmp_path / "absent")])
    with pytest.raises(VenueError, match=r"did not start: .*absent"), venue:
        pass
    assert venue._process.poll() is not None


def test_it_ends_when_the_other_end_of_its_stdin_is_closed():
    with LocalVenue(["--synthetic", "--duration", "10"]) as venue:
        assert os.environ["OPENOUTCRY_BINANCE_API_KEY"]
        assert venue.status()["progress"] < 1
        venue._process.stdin.close()
        assert venue._process.wait(WAIT_S) == 0
        venue._process.stdin = None
    assert "OPENOUTCRY_BINANCE_API_KEY" not in os.environ
