"""Why an order happened."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from openoutcry.cli.options import json_option, moment, put_json, run_option, state_dir_option

if TYPE_CHECKING:
    from openoutcry.memory.explain import Explanation, Link


@click.command()
@click.argument("order")
@run_option
@state_dir_option
@json_option
def why(order: str, run_name: str | None, state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Walk from ORDER back to the votes and the candle that caused it.

    ORDER is a parent's id, a child's client order id or a trade id, or the beginning of one.
    """
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.memory.explain import explain  # noqa: PLC0415

    run = paths.find_run(paths.state_dir(state_dir), run_name)
    found = explain(order, run.orders_db, run.decisions_db)
    if as_json:
        put_json({"subject": found.subject, "run_id": run.run_id, "is_complete": found.is_complete,
                  "causes": found.causes, "effects": found.effects})  # fmt: skip
    else:
        _show(found, run.run_id)


def _show(found: "Explanation", run_id: str) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415
    from rich.tree import Tree  # noqa: PLC0415

    tree = Tree(Text(f"{found.subject}  (run {run_id})", style="bold"))
    node = tree
    for link in found.causes:
        node = node.add(Text(_line(link)))
        for vote in link.record.get("votes", ()):
            node.add(Text(_vote(vote), style="dim"))
    console = Console()
    console.print(tree)
    if not found.is_complete:
        console.print(
            Text("the chain does not reach a candle: a link is missing in the journal", style="red")
        )
    if found.effects:
        console.print(Text("what came of it:", style="bold"))
        for link in found.effects:
            console.print(Text(f"  {moment(link.at_ns)}  {link.kind}  {link.id}  {_gist(link)}"))


def _line(link: "Link") -> str:
    at = f"  {moment(link.at_ns)}" if link.at_ns else ""
    return f"{link.kind}  {link.id}{at}\n{_gist(link)}"


_SAYING = frozenset(
    {
        *("side", "size_lots", "price_ticks", "limit_price_ticks", "exposure", "strategy", "reason", "style"),
        *("up", "flat", "down", "abstained", "open_ticks", "close_ticks", "trade_count", "before", "after"),
        *("liquidity", "fee_atoms", "fee_asset"),
    }
)


def _gist(link: "Link") -> str:
    """The fields that say most, in their own names: the units are in them."""
    inner = link.record.get("order")
    record = inner if isinstance(inner, dict) else link.record
    return "  ".join(f"{name}={_short(value)}" for name, value in record.items() if name in _SAYING)


def _vote(vote: dict[str, object]) -> str:
    shares = "  ".join(f"{name}={_short(vote[name])}" for name in ("up", "flat", "down"))
    said = "abstained" if vote["abstained"] else shares
    return f"vote of {vote['classifier']}: {said}  {vote.get('rationale', '')}"


def _short(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
