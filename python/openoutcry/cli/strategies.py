"""What strategies there are."""

from typing import TYPE_CHECKING

import click

from openoutcry.cli.options import json_option, put_json

if TYPE_CHECKING:
    from openoutcry.plugins.parameters import Parameter
    from openoutcry.strategies.catalogue import Description
    from openoutcry.strategies.strategy import Needs


@click.command()
@click.argument("strategy", required=False)
@json_option
def strategies(strategy: str | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """List the strategies with their ideas and parameters, or tell all about STRATEGY.

    STRATEGY is a registered name, file.py, file.py:Class or package.module:Class.
    """
    from openoutcry.plugins.loader import Plugins  # noqa: PLC0415  --help needs none of it
    from openoutcry.strategies.catalogue import describe, describe_all  # noqa: PLC0415

    plugins = Plugins()
    plugins.load_installed()
    if strategy is not None:
        described = describe(strategy, plugins)
        if as_json:
            put_json(_plain(described))
        else:
            _show(described)
        return
    found = describe_all(plugins)
    if as_json:
        put_json([_plain(each) for each in found])
    else:
        _show_list(found)


def _plain(described: "Description") -> dict[str, object]:
    """As JSON has it: a default that there is not is left out."""
    import msgspec  # noqa: PLC0415

    parameters = []
    for each in described.parameters:
        fields = {name: getattr(each, name) for name in each.__struct_fields__}
        if each.default is msgspec.NODEFAULT:
            del fields["default"]
        parameters.append(fields)
    return {
        **{name: getattr(described, name) for name in described.__struct_fields__},
        "parameters": parameters,
    }


def _show_list(found: "list[Description]") -> None:
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("strategy", "needs", "parameters", "idea"):
        shown.add_column(heading, no_wrap=heading == "strategy", overflow="fold", ratio=_RATIOS.get(heading))
    for each in found:
        parameters = ", ".join(f"{one.name}={_value(one.default)}" for one in each.parameters)
        shown.add_row(each.name, *(Text(text) for text in (_needs(each.needs), parameters, each.idea)))
    Console().print(shown)
    click.echo("\nRanges and how each fails: `openoutcry strategies NAME`")


_RATIOS = {"parameters": 3, "idea": 4}


def _show(described: "Description") -> None:
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    console.print(Text(f"{described.name}, of {described.owner}; needs {_needs(described.needs)}"))
    for paragraph in described.text.split("\n\n"):
        console.print(Text(f"\n{' '.join(paragraph.split())}"))
    console.print()
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("parameter", "type", "default", "range"):
        shown.add_column(heading, overflow="fold")
    for each in described.parameters:
        shown.add_row(*(Text(text) for text in (each.name, each.type, _value(each.default), _range(each))))
    console.print(shown)


def _needs(needs: "Needs | None") -> str:
    if needs is None:
        return "?"
    others = [name for name in ("opinions", "features", "book") if getattr(needs, name)]
    symbols = [f"{needs.symbols} symbols"] if needs.symbols > 1 else []
    return ", ".join(["candles", *others, *symbols])


def _range(parameter: "Parameter") -> str:
    if parameter.choices:
        return ", ".join(_value(each) for each in parameter.choices)
    low, high = parameter.low, parameter.high
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"at least {low:g}" if high is None else f"at most {high:g}"
    return f"{low:g} to {high:g}"


def _value(value: object) -> str:
    import msgspec  # noqa: PLC0415

    if value is msgspec.NODEFAULT:
        return "needed"
    return str(value).lower() if isinstance(value, bool) else str(value)
