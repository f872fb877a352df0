"""Explain the difference of two runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openoutcry.cli.options import json_option, moment, put_json, state_dir_option, table

if TYPE_CHECKING:
    from openoutcry.backtesting.compare import Comparison, Difference

EXIT_DIFFERENT: Final = 1
ROWS_SHOWN: Final = 20
NS_PER_MS: Final = 1_000_000


@click.command()
@click.argument("left")
@click.argument("right")
@click.option(
    "--latency-ms",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Trading so much later or earlier is no difference.",
)
@click.option("--all", "shows_all", is_flag=True, help=f"Show every difference, not the first {ROWS_SHOWN}.")
@state_dir_option
@json_option
@click.pass_context
def compare(  # noqa: PLR0917  click's call
    ctx: click.Context,
    left: str,
    right: str,
    latency_ms: float,
    shows_all: bool,  # noqa: FBT001  click's call
    state_dir: Path | None,
    as_json: bool,  # noqa: FBT001  click's call
) -> None:
    """Explain by trade how run RIGHT differs from run LEFT, and what each difference cost.

    LEFT and RIGHT are backtests or runs: an id, its beginning or a folder. Exits with 0 if they traded the
    same, with 1 if not, as diff does.
    """
    from openoutcry.backtesting.compare import compare as compare_runs  # noqa: PLC0415  --help needs none of it
    from openoutcry.backtesting.saved_runs import traded_of  # noqa: PLC0415

    runs = [traded_of(reference, state_dir) for reference in (left, right)]
    found = compare_runs(*runs, latency_ns=round(latency_ms * NS_PER_MS))
    if as_json:
        put_json(comparison_json(found))
    else:
        _show(found, None if shows_all else ROWS_SHOWN)
    if not found.is_same:
        ctx.exit(EXIT_DIFFERENT)


def comparison_json(found: "Comparison") -> dict[str, Any]:
    """A comparison for programs: amounts are integer atoms (10^-8 of `quote`), right less left."""
    return {
        "same": found.is_same,
        "quote": found.left.quote,
        "left": {"run": found.left.name, "mode": found.left.mode, "net_atoms": found.left.net_atoms},
        "right": {"run": found.right.name, "mode": found.right.mode, "net_atoms": found.right.net_atoms},
        "net_atoms": found.net_atoms,
        "effects_atoms": found.effects_atoms,
        "matched": found.matched,
        "notes": {"left": found.left.notes, "right": found.right.notes},
        "differences": [{"net_atoms": each.net_atoms, **_fields(each)} for each in found.differences],
    }


def _fields(difference: "Difference") -> dict[str, Any]:
    import msgspec  # noqa: PLC0415  --help needs no encoder

    fields: dict[str, Any] = msgspec.to_builtins(difference)
    return fields


def _show(found: "Comparison", most: int | None) -> None:
    from openoutcry.domain.units import atoms_to_text  # noqa: PLC0415

    quote = found.left.quote
    verdict = "they traded the same" if found.is_same else f"{len(found.differences)} orders differ"
    rows: list[tuple[str, object]] = [
        ("left", f"{found.left.name} ({found.left.mode}), {atoms_to_text(found.left.net_atoms)} {quote}"),
        ("right", f"{found.right.name} ({found.right.mode}), {atoms_to_text(found.right.net_atoms)} {quote}"),
        ("orders in both", found.matched),
        ("right less left", f"{atoms_to_text(found.net_atoms)} {quote}, which is the sum of"),
        *(
            (f"  {name}", atoms_to_text(atoms))
            for name, atoms in found.effects_atoms.items()
            if atoms or name == "unexplained"
        ),
        *((f"note, {run.name}", note) for run in (found.left, found.right) for note in run.notes),
    ]
    table(verdict, rows)
    if found.differences:
        _show_differences(found, most)


def _show_differences(found: "Comparison", most: int | None) -> None:
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from openoutcry.backtesting.report.wording import amount  # noqa: PLC0415

    shown = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("cause (UTC)", "left", "right", "worth", "why"):
        shown.add_column(name, justify="right" if name == "worth" else "left", no_wrap=name == "worth")
    has_symbols = len({each.symbol for each in found.differences}) > 1
    for each in found.differences[:most]:
        cause = moment(each.caused_ns)[: len("2024-01-01 00:00:00")] if each.caused_ns else each.intent_id
        shown.add_row(
            Text(f"{cause} {each.symbol}" if has_symbols else cause),
            *(Text(_order(found, each, side)) for side in ("left", "right")),
            amount(each.net_atoms, signed=True),
            Text(each.why),
        )
    console = Console()
    console.print()
    console.print(shown)
    left = len(found.differences) - (most or len(found.differences))
    if left > 0:
        console.print(f"{left} more; --all shows them, --json has them whole", style="dim")


def _order(found: "Comparison", difference: "Difference", side: str) -> str:
    order, run = getattr(difference, side), getattr(found, side)
    if order is None:
        return "nothing"
    instrument = run.instruments[order.symbol]
    average = instrument.price_text(round(order.cost / order.size_lots))
    return f"{order.side} {instrument.size_text(order.size_lots)} at {average}"
