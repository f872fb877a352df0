"""Offer this host to a trading system on another one."""

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openoutcry.cli.options import json_option, state_dir_option

if TYPE_CHECKING:
    from openoutcry.actors.node import NodeState

NODE_FOLDER = "node"


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="TOML", required=True, help="This host's settings."
)
@click.option("--host", metavar="NAME", required=True, help="What `transport.placement` calls this host.")
@state_dir_option
@json_option
def join(config: Path, host: str, state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """House actors of the system that trades on another host, until SIGINT or SIGTERM.

    Only inside a private, encrypted network: `deploy/wireguard` has the recipe. Prints a line when it has
    joined, when the link is lost, and whenever actors come or go.
    """
    from openoutcry.actors.node import Node  # noqa: PLC0415  --help needs none of it
    from openoutcry.assembly.paths import PRIVATE_FOLDER_MODE, settings_state_dir  # noqa: PLC0415
    from openoutcry.assembly.settings import load_settings  # noqa: PLC0415
    from openoutcry.cli.session import state_path  # noqa: PLC0415

    settings = load_settings(config, state_path(state_dir))
    folder = settings_state_dir(settings) / NODE_FOLDER
    folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    with Node(settings.transport, host, folder) as node:
        node.serve(ended, lambda state: _tell(host, state, as_json=as_json))


def _tell(host: str, state: "NodeState", *, as_json: bool) -> None:
    if as_json:
        import msgspec  # noqa: PLC0415  only for programs

        click.echo(msgspec.json.encode(state))
    else:
        link = "joined" if state.is_joined else "waits for the trading host"
        click.echo(f"{host}: {link}, {state.actors} actors here")
