"""Look at the settings before they are used."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from openoutcry.cli.options import Function, json_option, put_json

if TYPE_CHECKING:
    from openoutcry.assembly.settings import Settings


@click.group()
def config() -> None:
    """Check or show the settings."""


def _changes_option(command: Function) -> Function:
    return click.option(
        "--set",
        "changes",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change a setting, as --set feed.window_ticks=4096.",
    )(command)


@config.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@_changes_option
@json_option
def check(path: Path | None, changes: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001  click's call
    """Check the settings in the TOML file PATH: keys, types, ranges, names of classifiers and strategy."""
    from openoutcry.assembly.settings import check_names, config_hash  # noqa: PLC0415

    settings = _load(path, changes)
    check_names(settings, origin=str(path or "the settings"))
    if as_json:
        put_json({"ok": True, "path": path, "mode": settings.mode, "config_hash": config_hash(settings)})
    else:
        click.echo(
            f"{path or 'the defaults'}: in order, mode {settings.mode}, hash {config_hash(settings)[:12]}"
        )


@config.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@_changes_option
@json_option
def show(path: Path | None, changes: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001  click's call
    """Show every setting in effect: the defaults, the TOML file PATH, the changes. The output is TOML."""
    from openoutcry.assembly.settings import config_hash, setting_lines  # noqa: PLC0415

    settings = _load(path, changes)
    if as_json:
        put_json({"config_hash": config_hash(settings), "settings": settings})
        return
    click.echo(f"# config hash {config_hash(settings)}")
    for key, value in setting_lines(settings):
        click.echo(f"{key} = {toml_text(value)}")


def _load(path: Path | None, changes: tuple[str, ...]) -> "Settings":
    from openoutcry.assembly.settings import load_settings  # noqa: PLC0415

    return load_settings(path, parse_changes(changes))


def parse_changes(changes: tuple[str, ...]) -> dict[str, object]:
    """`KEY=VALUE` pairs; a value that is no TOML is taken for text.

    Raises:
        InvalidInputError: one of them has no `=`.
    """
    import tomllib  # noqa: PLC0415

    from openoutcry.domain.errors import InvalidInputError  # noqa: PLC0415

    parsed: dict[str, object] = {}
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign or not key.strip():
            raise InvalidInputError(
                f"--set {change!r} is not KEY=VALUE; write it as --set feed.window_ticks=4096"
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        parsed[key.strip()] = value
    return parsed


def toml_text(value: object) -> str:
    """A setting's value as TOML."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_quoted(key)} = {toml_text(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(toml_text(each) for each in value) + "]"
        case _:
            return _quoted(value)


def _quoted(value: object) -> str:
    """Plain values are written as in JSON, but for one character that TOML wants escaped."""
    import json  # noqa: PLC0415

    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
