import re


def _steps(root):
    text = (root / ".github/workflows/ci.yml").read_text()
    return re.findall(r"^\s+(?:- )?run: (.*)$", text, re.MULTILINE), text


def test_the_workflow_decides_by_the_ci_script_and_nothing_else(root):
    commands, text = _steps(root)
    assert commands == ["rustup toolchain install", "bash .ci/run"]
    assert len(re.findall(r"^  \w+:\n    runs-on:", text, re.MULTILINE)) == 1
    assert "continue-on-error" not in text
    assert " if:" not in text


def test_the_workflow_runs_on_every_change_with_the_oldest_python_we_support(root):
    _, text = _steps(root)
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (root / "pyproject.toml").read_text())
    assert f'python-version: "{oldest[1]}"' in text
    assert "pull_request:" in text


def test_the_ci_script_lints_and_tests_everything_and_stops_at_the_first_error(root):
    lines = (root / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands[:2] == ["set -euo pipefail", 'cd "$(dirname "$0")/.."']
    assert commands[-3:] == ["make lint", "make test", "make bench-gate ARGS=--required"]
    # What lies between may install what the gate counts with, and hide no error of the rest.
    assert {line.split()[0] for line in commands[2:-3]} <= {"if", "apt-get", "fi"}
    assert (root / ".ci/run").stat().st_mode & 0o111
