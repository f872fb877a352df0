"""Write the beginning of something, to go on from."""

from pathlib import Path

import click

from openoutcry.cli.options import json_option, put_json


@click.group()
def new() -> None:
    """Write the beginning of a strategy, with a test that passes."""


@new.command()
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where to  [default: here].",
)
@json_option
def strategy(name: str, folder: Path, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Write NAME.py, a strategy that works, and test_NAME.py, its test."""
    from openoutcry.cli.scaffold import write_strategy  # noqa: PLC0415  --help needs none of it

    source, test = write_strategy(name, folder)
    if as_json:
        put_json({"strategy": source, "test": test})
        return
    click.echo(f"{source} and {test} are written. Next:\n  pytest {test}\n  openoutcry check {source}")
    click.echo(f"  openoutcry backtest {source} --data FILE")
