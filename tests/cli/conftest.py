import json
from types import SimpleNamespace

import pytest

from openoutcry.cli.entry import run


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A state folder that every command finds."""
    path = tmp_path / "state"
    monkeypatch.setenv("OPENOUTCRY_STATE_DIR", str(path))
    return path


@pytest.fixture
def oo(state, capsys):
    """Calls a command line as the console script does, in this process."""

    def call(*arguments):
        code = run([str(each) for each in arguments])
        out, err = capsys.readouterr()
        is_json = "--json" in arguments
        return SimpleNamespace(
            code=code,
            out=out,
            err=err,
            result=json.loads(out) if is_json and out else None,
            error=json.loads(err)["error"] if is_json and err else None,
        )

    return call
