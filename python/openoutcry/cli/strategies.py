"""Which strategies there are."""

import sys
from typing import TYPE_CHECKING

import click

from openoutcry.cli.options import json_option, put_json

if TYPE_CHECKING:
    from openoutcry.plugins.parameters import Parameter


@click.command()
@click.argument("name", required=False)
@json_option
def strategies(name: str | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """List the strategies with their parameters, or say all about the one called NAME."""
    from openoutcry.plugins.loader import Plugins  # noqa: PLC0415  --help needs none of it
    from openoutcry.strategies.catalogue import described  # noqa: PLC0415

    plugins = Plugins()
    plugins.load_installed()
    found = described(plugins, name)
    if as_json:
        put_json({"strategies": found})
        return
    for each in found:
        click.echo(f"{each.name}  ({each.owner}{', needs ' + ', '.join(each.needs) if each.needs else ''})")
        text = each.text if name is not None else each.text.partition("\n")[0]
        click.echo("\n".join(f"    {line}".rstrip() for line in text.splitlines()))
        for parameter in each.parameters:
            click.echo(f"      {_line(parameter)}")


def _line(parameter: "Parameter") -> str:
    told = f"{parameter.name} = {parameter.default}"
    if parameter.choices:
        return f"{told}  ({', '.join(str(choice) for choice in parameter.choices)})"
    if parameter.low is None and parameter.high is None:
        return f"{told}  ({parameter.type})"
    return f"{told}  ({parameter.type}, {_end(parameter.low)} to {_end(parameter.high)})"


def _end(end: float | None) -> str:
    if end is None:
        return "any"
    if 0.0 < end < sys.float_info.min:  # the float next to an excluded 0
        return "above 0"
    return str(end) if isinstance(end, int) else f"{end:g}"
