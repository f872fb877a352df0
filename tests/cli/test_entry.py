import os
import signal
import subprocess
import sys
from importlib.metadata import version

import click
import pytest

from openoutcry.cli import entry
from openoutcry.domain import errors


def lazy(monkeypatch, error):
    """Puts a command `break` into the table that ends with an error."""

    @click.command("break")
    @click.option("--json", "as_json", is_flag=True)
    def command(as_json):
        raise error

    monkeypatch.setattr(entry, "_breaking", command, raising=False)
    monkeypatch.setitem(entry.cli._lazy, "break", ("openoutcry.cli.entry:_breaking", "Break."))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.OpenOutcryError("w; y; r"), 1),
        (errors.InvalidInputError("w; y; r"), 2),
        (errors.ConfigurationError("w; y; r"), 3),
        (errors.MissingDataError("w; y; r"), 4),
        (errors.VenueRejectedError("w; y; r", code=-1), 5),
        (errors.JournalError("w; y; r"), 6),
        (errors.HaltedError("w; y; r"), 7),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.FileError("x", "w; y; r"), 1),
    ],
)
def test_an_error_that_was_foreseen_ends_with_its_code_and_no_traceback(oo, monkeypatch, error, code):
    lazy(monkeypatch, error)
    plain = oo("break")
    assert (plain.code, plain.out) == (code, "")
    assert plain.err.strip().startswith("error: ")
    assert plain.err.strip().count("\n") == 0
    as_json = oo("break", "--json")
    assert (as_json.code, as_json.error["exit_code"]) == (code, code)
    if isinstance(error, errors.OpenOutcryError):
        assert as_json.error["message"] == "w; y; r"
        assert as_json.error["kind"] == type(error).__name__


def test_an_error_that_was_not_foreseen_keeps_its_traceback(oo, monkeypatch):
    lazy(monkeypatch, ZeroDivisionError("a fault of ours"))
    with pytest.raises(ZeroDivisionError):
        oo("break")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("doctr",), "did you mean 'doctor'"),
        (("doctor", "--jsn"), "--json"),
        (("why",), "ORDER"),
        (("config", "chek"), "check"),
    ],
)
def test_wrong_usage_is_2_and_names_the_remedy(oo, arguments, word):
    called = oo(*arguments)
    assert called.code == 2
    assert called.err.startswith("error: ")
    assert word in called.err
    assert "--help" in called.err


def test_the_version_is_the_packages(oo):
    assert oo("--version").out.strip() == f"openoutcry {version('openoutcry')}"


def test_an_interrupt_ends_with_130():
    code = "import signal, time, click; from openoutcry.cli import entry\n"
    # A job in a shell's background inherits an ignored SIGINT.
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "@click.command()\ndef wait():\n  print('ready', flush=True); time.sleep(60)\n"
    code += "entry._wait = wait; entry.cli._lazy['wait'] = ('openoutcry.cli.entry:_wait', '')\n"
    code += "raise SystemExit(entry.run(['wait']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (130, "error: interrupted")


def test_a_reader_that_goes_away_is_no_traceback(tmp_path):
    read_end, write_end = os.pipe()
    os.close(read_end)
    code = "import sys; from openoutcry.cli.entry import run; sys.exit(run(['config', 'show']))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(write_end)
    assert (result.returncode, result.stderr) == (1, "")
