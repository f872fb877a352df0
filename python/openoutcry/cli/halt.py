"""Stop every order, and lift that again."""

import getpass
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openoutcry.cli.options import json_option, moment, put_json, state_dir_option

if TYPE_CHECKING:
    from openoutcry.memory.halt_latch import HaltLatch


@click.command()
@click.option("--reason", default="by the operator", show_default=True, help="Why; it is journaled.")
@state_dir_option
@json_option
def halt(reason: str, state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Stop every order of this state folder's systems, running or not, until `openoutcry resume`.

    The halt is a file that the execution process looks for before each order: it works while actors are
    stuck and outlasts restarts. A running system withdraws what rests.
    """
    latch = _latch(state_dir)
    before = latch.read()
    try:
        record = latch.arm(reason, _operator(), time.time_ns())
    except OSError as error:
        raise _not_written(error) from error
    if as_json:
        put_json({"halted": True, "was_halted": before is not None, "reason": record.reason, "by": record.by,
                  "at_ns": record.at_ns})  # fmt: skip
        return
    verb = "already halted" if before else "halted"
    click.echo(f"{verb}: {record.reason} (by {record.by}, {moment(record.at_ns)})")


@click.command()
@state_dir_option
@json_option
def resume(state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Lift the halt. Look first at why it was armed: `openoutcry status`."""
    try:
        record = _latch(state_dir).lift(_operator())
    except OSError as error:
        raise _not_written(error) from error
    if as_json:
        put_json(
            {"halted": False, "was_halted": record is not None, "reason": record.reason if record else ""}
        )
    else:
        click.echo(f"the halt is lifted (it was: {record.reason})" if record else "there was no halt")


def _latch(given: Path | None) -> "HaltLatch":
    from openoutcry.assembly.paths import state_dir  # noqa: PLC0415  --help needs none of it
    from openoutcry.memory.halt_latch import HaltLatch  # noqa: PLC0415

    try:
        return HaltLatch(state_dir(given))
    except OSError as error:
        raise _not_written(error) from error


def _operator() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _not_written(error: OSError) -> Exception:
    from openoutcry.domain.errors import JournalError  # noqa: PLC0415

    return JournalError(
        f"the halt could not be changed ({error}) and is as it was; "
        "stop the processes yourself if they must not trade"
    )
