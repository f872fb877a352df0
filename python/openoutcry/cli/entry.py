"""The entry point: the table of commands, and what becomes of an error."""

import os
import sys
from typing import Final, NoReturn

import click

from openoutcry.cli.lazy import LazyGroup
from openoutcry.domain.errors import OpenOutcryError

EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it

COMMANDS: Final = {
    "demo": (
        "openoutcry.cli.demo:demo",
        "Run the whole system on a recorded or synthetic market, and watch it.",
    ),
    "run": ("openoutcry.cli.run:run", "Trade: --paper on this host, or --live at a venue."),
    "backtest": ("openoutcry.cli.backtest:backtest", "Trade a strategy over history, as it would live."),
    "strategies": (
        "openoutcry.cli.strategies:strategies",
        "List the strategies with their ideas, parameters and ranges.",
    ),
    "new": ("openoutcry.cli.new:new", "Write the beginning of a strategy, with a test that passes."),
    "check": ("openoutcry.cli.check:check", "Check that a strategy or classifier does not know the future."),
    "join": ("openoutcry.cli.join:join", "Offer this host to a system that trades on another one."),
    "exchange": ("openoutcry.cli.exchange:exchange", "A venue on loopback that real clients can trade on."),
    "why": ("openoutcry.cli.why:why", "Explain an order, a child order or a fill, cause by cause."),
    "status": ("openoutcry.cli.status:status", "What runs now, or how the last run ended."),
    "top": ("openoutcry.cli.top:top", "Watch the running system's actors, live."),
    "book": ("openoutcry.cli.book:book", "Watch the order book that a running system sees, live."),
    "halt": ("openoutcry.cli.halt:halt", "Stop every order, until `resume`; it outlasts restarts."),
    "resume": ("openoutcry.cli.halt:resume", "Lift the halt."),
    "report": ("openoutcry.cli.report:report", "Sum up a run or a backtest and write its report."),
    "compare": ("openoutcry.cli.compare:compare", "Explain by trade how two runs differ."),
    "optimize": (
        "openoutcry.cli.optimize:optimize",
        "Search a strategy's parameters, and judge the best out of sample.",
    ),
    "config": ("openoutcry.cli.config:config", "Check or show the settings."),
    "data": ("openoutcry.cli.data:data", "Check or fetch market data."),
    "anomaly": ("openoutcry.cli.anomaly:anomaly", "Judge a column of numbers in a CSV file."),
    "bench": ("openoutcry.cli.bench:bench", "Measure how fast this machine is."),
    "doctor": (
        "openoutcry.cli.doctor:doctor",
        "Check that this machine can run openoutcry, and what to do if not.",
    ),
}

HELP: Final = """An actor-model trading system: paper and live with the same code.

Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 wrong settings, 4 no data, 5 the venue failed, 6 the
journal failed, 7 halted, 8 the actors did not start or answer, 130 interrupted. With --json, results are JSON
on stdout and errors JSON on stderr."""


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  click's call
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415  only for --version

    click.echo(f"openoutcry {version('openoutcry')}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show it."
)
def cli() -> None:
    """The group itself does nothing."""


def main() -> NoReturn:
    """Run a command and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:  # noqa: PLR0911  one return for each way to end
    """Run a command; returns its exit code. Errors that were foreseen end without a traceback."""
    as_json = "--json" in arguments
    try:
        result = cli.main(arguments, prog_name="openoutcry", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "openoutcry"
        missing = isinstance(error, click.exceptions.NoArgsIsHelpError)  # its message is the whole help
        message = "which command?" if missing else error.format_message()
        stop = "" if message.endswith((".", "?", ")")) else "."
        _tell(f"{message}{stop} Try `{command} --help`.", "UsageError", EXIT_USAGE, as_json=as_json)
        return EXIT_USAGE
    except click.ClickException as error:
        _tell(error.format_message(), type(error).__name__, error.exit_code, as_json=as_json)
        return error.exit_code
    except OpenOutcryError as error:
        _tell(str(error), type(error).__name__, error.exit_code, as_json=as_json)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _tell("interrupted", "Interrupted", EXIT_INTERRUPTED, as_json=as_json)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone; nobody is left to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _tell(message: str, kind: str, exit_code: int, *, as_json: bool) -> None:
    """Put an error on stderr."""
    if as_json:
        import json  # noqa: PLC0415  only for an error

        message = json.dumps({"error": {"kind": kind, "message": message, "exit_code": exit_code}})
        click.echo(message, err=True)
    else:
        click.echo(f"error: {message}", err=True)
