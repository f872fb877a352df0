"""A local exchange in a process of its own, for the length of a run."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import urlsplit

from openoutcry.domain.errors import VenueError

READY_TIMEOUT_S: Final = 300.0  # it may read gigabytes first
ANSWER_TIMEOUT_S: Final = 5.0
STOP_TIMEOUT_S: Final = 10.0
KEY_BYTES: Final = 32


class LocalVenue:
    """Starts `openoutcry exchange` and steers its replay. The key of the run goes by the environment.

    Raises:
        VenueError: it did not start; the message is its own.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.ready: dict[str, Any] = {}
        self._arguments = list(arguments)
        self._process: subprocess.Popen[str]
        self._errors: IO[str]
        self._key = {"API_KEY": secrets.token_hex(KEY_BYTES), "SECRET": secrets.token_hex(KEY_BYTES)}

    def __enter__(self) -> Self:
        environment = {
            **os.environ,
            **{f"OPENOUTCRY_EXCHANGE_{name}": value for name, value in self._key.items()},
        }
        command = [
            sys.executable,
            "-m",
            "openoutcry.cli",
            "exchange",
            "--json",
            "--with-parent",
            "--port",
            "0",
            *self._arguments,
        ]
        self._errors = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would block it
        self._process = subprocess.Popen(  # noqa: S603  our own command
            command,
            env=environment,
            stdin=subprocess.PIPE,  # its end tells the child that we are gone
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        try:
            self.ready = self._first_line()
        except BaseException:
            self._end()
            raise
        # The actors find the key where they find every key: in their environment.
        for name, value in self._key.items():
            os.environ[f"OPENOUTCRY_BINANCE_{name}"] = value
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._key:
            os.environ.pop(f"OPENOUTCRY_BINANCE_{name}", None)
        self._end()

    def _first_line(self) -> dict[str, Any]:
        """Wait until it is ready."""
        assert self._process.stdout is not None
        deadline = threading.Timer(READY_TIMEOUT_S, self._process.kill)
        deadline.start()
        try:
            line = self._process.stdout.readline()
            ready: dict[str, Any] = json.loads(line)
        except ValueError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)  # until its error is written
            self._errors.seek(0)
            raise _child_error(self._errors.read()) from None
        finally:
            deadline.cancel()
        return ready

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=STOP_TIMEOUT_S)
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        self._errors.close()

    @property
    def overrides(self) -> dict[str, object]:
        """The venue's addresses as overrides of the settings. It has no request limits to keep."""
        addresses = {f"venue.{name}": self.ready[name] for name in ("rest_url", "stream_url", "ws_api_url")}
        return {**addresses, "venue.limit_request_rate": False}

    @property
    def data_source(self) -> str:
        """Which market it plays, in words."""
        return str(self.ready["data_source"])

    @property
    def data_hash(self) -> str:
        """The hash of that market's lines."""
        return str(self.ready["sha256"])

    def start_replay(self) -> None:
        """Let the market begin."""
        self._control("POST", "/control/start")

    def status(self) -> dict[str, Any]:
        """How far the replay is, which faults struck, and the venue's own books."""
        return self._control("GET", "/control/status?brief=1")

    def _control(self, method: str, path: str) -> dict[str, Any]:
        place = urlsplit(self.ready["rest_url"])
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request(method, path, headers={"X-OpenOutcry-Control": self.ready["control_token"]})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise VenueError(f"the local exchange does not answer ({error}); {self._fate()}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise VenueError(
                f"the local exchange refused {method} {path}: {body.decode(errors='replace')[:200]}"
            )
        answer = json.loads(body)
        return answer if isinstance(answer, dict) else {}

    def _fate(self) -> str:
        code = self._process.poll()
        return "its process still runs" if code is None else f"its process ended with {code}"


def exchange_arguments(
    *,
    data: Path | None,
    synthetic: bool,
    speed: float,
    duration_s: int | None,
    seed: int,
    symbol: str,
    faults: Sequence[str],
) -> list[str]:
    """Options of `openoutcry exchange` for a replay."""
    arguments = ["--speed", f"{speed:g}", "--seed", str(seed), "--symbol", symbol]
    if data is not None:
        arguments += ["--data", str(data)]
    if synthetic:
        arguments.append("--synthetic")
    if duration_s is not None:
        arguments += ["--duration", str(duration_s)]
    for fault in faults:
        arguments += ["--fault", fault]
    return arguments


def _child_error(text: str) -> VenueError:
    """What the child said last, with its exit code: its error as JSON, or else its last line."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    try:
        said = json.loads(lines[-1])["error"]
        error = VenueError(f"the local exchange did not start: {said['message']}")
        error.exit_code = int(said["exit_code"])
    except (IndexError, ValueError, KeyError, TypeError):
        return VenueError(f"the local exchange did not start: {lines[-1] if lines else 'it said nothing'}")
    return error
