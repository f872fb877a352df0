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

    It sets a flag in shared memory that is looked at before each order, so it works while actors are stuck,
    and writes a file that outlasts restarts. A running system withdraws what rests.
    """
    latch = _latch(state_dir)
    was_halted = latch.is_armed()
    try:
        record = latch.arm(reason, _operator(), time.time_ns())
    except OSError as error:
        raise _not_durable(error) from error
    if as_json:
        put_json({"halted": True, "was_halted": was_halted, "reason": record.reason, "by": record.by,
                  "at_ns": record.at_ns})  # fmt: skip
        return
    verb = "already halted" if was_halted else "halted"
    click.echo(f"{verb}: {record.reason} (by {record.by}, {moment(record.at_ns)})")


@click.command()
@state_dir_option
@json_option
def resume(state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Lift the halt. Look first at why it was armed: `openoutcry status`."""
    latch = _latch(state_dir)
    try:
        record = latch.lift(_operator())
    except OSError as error:
        raise _not_lifted(error) from error
    if (anew := latch.read()) is not None:
        raise _armed_anew(anew.reason)
    if as_json:
        put_json(
            {"halted": False, "was_halted": record is not None, "reason": record.reason if record else ""}
        )
    else:
        click.echo(f"the halt is lifted (it was: {record.reason})" if record else "there was no halt")


def _latch(given: Path | None) -> "HaltLatch":
    from openoutcry.assembly.paths import state_dir  # noqa: PLC0415  --help needs none of it
    from openoutcry.domain.errors import JournalError  # noqa: PLC0415  as above
    from openoutcry.memory.halt_latch import HaltLatch  # noqa: PLC0415  as above

    folder = state_dir(given)
    try:
        return HaltLatch(folder)
    except OSError as error:
        raise JournalError(
            f"the halt could not be changed: the state folder {folder} cannot be used ({error}); give the "
            "system's own with --state-dir"
        ) from error


def _operator() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _not_durable(error: OSError) -> Exception:
    from openoutcry.domain.errors import JournalError  # noqa: PLC0415  --help needs none of it

    return JournalError(
        f"orders are stopped, but the halt could not be made to last ({error}); stop the processes yourself, "
        "and start none before it is mended"
    )


def _not_lifted(error: OSError) -> Exception:
    from openoutcry.domain.errors import JournalError  # noqa: PLC0415  --help needs none of it

    return JournalError(
        f"the halt could not be lifted and stays ({error}); stop the system, mend the state folder (a flag "
        "that is broken may be removed), and try again"
    )


def _armed_anew(reason: str) -> Exception:
    from openoutcry.domain.errors import HaltedError  # noqa: PLC0415  --help needs none of it

    return HaltedError(f"the halt is in force again: {reason}; look into that, then `openoutcry resume`")
