"""A place to begin."""

from pathlib import Path

import click

from openoutcry.cli.options import json_option, put_json


@click.group()
def new() -> None:
    """Write a first strategy, with its test."""


@new.command()
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="Where to write it  [default: here].",
)
@json_option
def strategy(name: str, folder: Path, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Write NAME.py, a strategy that works, and test_NAME.py, which passes. Nothing is overwritten."""
    from openoutcry.strategies.template import write_strategy  # noqa: PLC0415  --help needs none of it

    path, test = write_strategy(name, folder)
    if as_json:
        put_json({"strategy": path, "test": test})
        return
    click.echo(f"{path}\n{test}")
    click.echo(f"Try: openoutcry check {path}, pytest {test}, openoutcry backtest {path} --data FILE")
