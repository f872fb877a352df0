"""The live screen: what the system sees, thinks, holds and how it is, drawn from its status."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from openoutcry.domain.units import NS_PER_S, atoms_to_text, to_text

BOOK_LEVELS: Final = 6
ORDERS_SHOWN: Final = 6
BAR_WIDTH: Final = 14
HOPS_SHOWN: Final = 14
US_PER_MS: Final = 1000
_STATE_STYLES: Final = {"running": "green", "ready": "yellow", "starting": "yellow", "stopped": "dim"}
_FEED_STYLES: Final = {"live": "green", "syncing": "yellow", "connecting": "yellow"}


def draw(title: str, replay: dict[str, Any], system: dict[str, Any], notes: list[str]) -> RenderableType:
    """The whole screen, from the venue's replay status and the system's status."""
    actors = system.get("actors", {})
    feeds = _detail(actors, "ingestion").get("feeds", {})
    feed: dict[str, Any] = next(iter(feeds.values()), {})
    execution = _detail(actors, "execution")
    left = Group(_book(feed), _opinion(actors))
    middle = Group(_position(execution, feed), _orders(execution, feed))
    right = Group(_actors(actors), _latencies(system.get("latency_us", {})))
    return Group(
        _header(title, replay, feed, system),
        Columns([left, middle, right], padding=(0, 1)),
        _events(notes),
    )


def _detail(actors: dict[str, Any], role: str) -> dict[str, Any]:
    detail = actors.get(role, {}).get("detail", {})
    return detail if isinstance(detail, dict) else {}


def _header(title: str, replay: dict[str, Any], feed: dict[str, Any], system: dict[str, Any]) -> Panel:
    share = float(replay.get("progress", 0.0))
    totals = system.get("totals", {})
    market_time = _moment(int(replay.get("event_ns") or 0))
    counts = "  ".join(
        f"[dim]{name}[/] {int(totals.get(key, 0)):,}"
        for name, key in (
            ("candles", "candles"),
            ("votes", "votes"),
            ("signals", "signals"),
            ("intents", "orderintents"),
            ("orders", "child_orders"),
            ("fills", "fills"),
            ("gaps", "gaps"),
            ("reconnects", "reconnects"),
        )
    )
    state = str(feed.get("state", "starting"))
    line = Table.grid(padding=(0, 2), expand=True)
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(justify="right", no_wrap=True)
    line.add_row(
        Text("replay", style="bold"),
        ProgressBar(total=1.0, completed=share, width=None),
        f"{share:6.1%}  {int(replay.get('lines_sent', 0)):,} messages  {market_time}",
    )
    status = Text.from_markup(f"feed [{_FEED_STYLES.get(state, 'red')}]{state}[/]   {counts}")
    return Panel(Group(line, status), title=f"[bold]Open Outcry[/]  {title}", title_align="left")


def _book(feed: dict[str, Any]) -> Panel:
    table = Table.grid(padding=(0, 1))
    for justify in ("right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    if feed:
        tick, step = Decimal(feed["price_tick"]), Decimal(feed["size_step"])
        asks, bids = feed["asks"][:BOOK_LEVELS], feed["bids"][:BOOK_LEVELS]
        largest = max((lots for _, lots in (*asks, *bids)), default=1)
        for style, levels in (("red", list(reversed(asks))), ("green", bids)):
            for ticks, lots in levels:
                bar = "█" * max(1, round(BAR_WIDTH * lots / largest))
                table.add_row(
                    f"[{style}]{to_text(ticks, tick)}[/]", to_text(lots, step), f"[{style} dim]{bar}[/]"
                )
            if style == "red":
                spread = feed.get("features", {}).get("spread_ticks", 0)
                table.add_row("", f"[dim]spread {to_text(int(spread), tick)}[/]", "")
    return Panel(table, title=f"book {feed.get('symbol', '')}", title_align="left", width=48, height=16)


def _opinion(actors: dict[str, Any]) -> Panel:
    said = _detail(actors, "classification").get("classification", {})
    wish = _detail(actors, "strategy").get("signal", {})
    table = Table.grid(padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True)
    table.add_row("", "[dim]up[/]", "[dim]flat[/]", "[dim]down[/]")
    for vote in said.get("votes", []):
        table.add_row(vote["classifier"], *(f"{vote[side]:.2f}" for side in ("up", "flat", "down")))
    if said:
        verdict = "abstains" if said.get("abstained") else ""
        table.add_row("[bold]ensemble[/]", *(f"[bold]{said[side]:.2f}[/]" for side in ("up", "flat", "down")))
        table.add_row(f"[dim]{verdict}[/]")
    if wish:
        table.add_row("[bold]signal[/]", f"[bold]{wish['exposure']:.2f}[/]")
    reason = Text(str(wish.get("reason", "")), style="dim", overflow="ellipsis", no_wrap=True)
    return Panel(Group(table, reason), title="votes", title_align="left", width=48, height=10)


def _position(execution: dict[str, Any], feed: dict[str, Any]) -> Panel:
    table = Table.grid(padding=(0, 2))
    for symbol, held in execution.get("positions", {}).items():
        quote = symbol.partition("/")[2]
        step = Decimal(str(feed.get("size_step", "1")))
        table.add_row("position", f"{to_text(held['position_lots'], step)} {symbol.partition('/')[0]}")
        table.add_row("cash", f"{_money(held['cash_atoms'])} {quote}")
        table.add_row("realised", f"{_money(held['realised_atoms'])} {quote}")
        table.add_row("fees", f"{_money(held['fees_quote_atoms'])} {quote}")
    table.add_row("halt", "[red]ARMED[/]" if execution.get("halted") else "[green]none[/]")
    return Panel(table, title="position", title_align="left", width=48, height=8)


def _orders(execution: dict[str, Any], feed: dict[str, Any]) -> Panel:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("side", "price", "filled / size", "state"):
        table.add_column(name, no_wrap=True)
    tick, step = Decimal(str(feed.get("price_tick", "1"))), Decimal(str(feed.get("size_step", "1")))
    for order in reversed(execution.get("orders", [])[-ORDERS_SHOWN:]):
        style = "green" if order["side"] == "buy" else "red"
        table.add_row(
            f"[{style}]{order['side']}[/]",
            to_text(order["price_ticks"], tick),
            f"{to_text(order['filled_lots'], step)} / {to_text(order['size_lots'], step)}",
            str(order["state"]).lower(),
        )
    return Panel(table, title="orders", title_align="left", width=48, height=10)


def _actors(actors: dict[str, Any]) -> Panel:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("actor", "state", "pid", "restarts", "waiting", "MiB"):
        table.add_column(name, no_wrap=True)
    for role, each in actors.items():
        state = str(each["state"])
        table.add_row(
            role,
            f"[{_STATE_STYLES.get(state, 'red')}]{state}[/]",
            str(each["pid"]),
            str(each["restarts"]),
            str(each["mailbox"]),
            f"{each['rss_bytes'] / 2**20:.0f}",
        )
    return Panel(table, title="actors", title_align="left", width=58, height=11)


def _latencies(hops: dict[str, Any]) -> Panel:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("hop", "n", "p50 ≤", "p99 ≤"):
        table.add_column(name, no_wrap=True, justify="left" if name == "hop" else "right")
    ordered = sorted(hops.items(), key=lambda item: (item[0] not in ("candle>order", "order>venue"), item[0]))
    for hop, each in [item for item in ordered if item[1].get("count") and "monitoring" not in item[0]][
        :HOPS_SHOWN
    ]:
        table.add_row(hop, f"{each['count']:,}", _duration(each["p50"]), _duration(each["p99"]))
    return Panel(table, title="latency", title_align="left", width=58, height=15)


def _events(notes: list[str]) -> Panel:
    return Panel(Text("\n".join(notes[-4:])), title="events", title_align="left", height=6)


def _duration(microseconds: int) -> str:
    return f"{microseconds} µs" if microseconds < US_PER_MS else f"{microseconds / US_PER_MS:.1f} ms"


def _money(atoms: int) -> str:
    return f"{Decimal(atoms_to_text(atoms)):,.2f}"


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns / NS_PER_S, tz=UTC):%Y-%m-%d %H:%M:%S}" if at_ns else ""
