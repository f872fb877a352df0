"""A venue on loopback that real clients can trade on."""

import os
import signal
import sys
import threading
from pathlib import Path

import click

from openoutcry.cli.options import check_one_source, json_option

PIPE_BYTES = 4096


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=48_090, show_default=True, help="0: any free one."
)
@click.option("--symbol", default="BTC/USDT", show_default=True, help="What is traded.")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="PATH", help="A recording, or a folder of them."
)
@click.option("--synthetic", is_flag=True, help="The synthetic market, even where a recording is at hand.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the synthetic market."
)
@click.option(
    "--duration", type=click.IntRange(min=1), metavar="SECONDS", help="Of the market's time  [default: all]."
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="0: as fast as clients read.",
)
@click.option(
    "--fault", "faults", multiple=True, metavar="KIND@SHARE", help="As drop@0.3; may be given several times."
)
@click.option(
    "--start", is_flag=True, help="Let the market run at once instead of waiting for POST /control/start."
)
@click.option("--with-parent", is_flag=True, hidden=True, help="End when stdin does.")
@json_option
def exchange(  # noqa: PLR0917  click passes them by name
    port: int,
    symbol: str,
    data: Path | None,
    synthetic: bool,  # noqa: FBT001  click's call
    seed: int,
    duration: int | None,
    speed: float,
    faults: tuple[str, ...],
    start: bool,  # noqa: FBT001
    with_parent: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001, ARG001  the ready line is JSON anyway
) -> None:
    """Serve Binance's spot protocol on loopback, from a recording or the synthetic market.

    Prints one JSON line with its addresses when it is ready. The key pair comes from
    OPENOUTCRY_EXCHANGE_API_KEY and OPENOUTCRY_EXCHANGE_SECRET.
    """
    check_one_source(data, synthetic=synthetic)
    from openoutcry.exchanges.local.faults import parse_fault  # noqa: PLC0415  --help needs none of it
    from openoutcry.exchanges.local.server import run_exchange  # noqa: PLC0415
    from openoutcry.exchanges.local.settings import LocalExchangeSettings  # noqa: PLC0415

    if with_parent:
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    run_exchange(
        LocalExchangeSettings(
            port=port,
            symbol=symbol,
            data=data,
            synthetic=synthetic,
            seed=seed,
            duration_s=duration,
            is_started=start,
            speed=speed,
            faults=tuple(parse_fault(each) for each in faults),
        )
    )


def _end_with_parent() -> None:
    """The parent holds the other end of stdin for as long as it lives."""
    while os.read(sys.stdin.fileno(), PIPE_BYTES):  # not through sys.stdin: its lock would hinder the exit
        pass
    os.kill(os.getpid(), signal.SIGTERM)
