"""Repeat a repair with bounded attempts and a doubling wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from openoutcry.domain.errors import AuthenticationError, VenueError
from openoutcry.domain.units import NS_PER_MS, NS_PER_S

log = logging.getLogger(__name__)


async def repair(
    what: str,
    attempt: Callable[[], Awaitable[bool]],
    *,
    attempts: int,
    backoff_first_ms: int,
    backoff_max_ms: int,
) -> None:
    """Call `attempt` until it returns True.

    Raises:
        AuthenticationError: at once; another attempt would fail too.
        VenueError: the last attempt failed, or none of them led to success.
    """
    wait_ms = backoff_first_ms
    failure: VenueError | None = None
    for _ in range(attempts):
        try:
            if await attempt():
                return
            failure = None
        except AuthenticationError:
            raise
        except VenueError as error:
            failure = error
            log.warning("%s failed, trying again in %d ms: %s", what, wait_ms, error)
        await asyncio.sleep(wait_ms * NS_PER_MS / NS_PER_S)
        wait_ms = min(wait_ms * 2, backoff_max_ms)
    raise failure or VenueError(
        f"{what} did not succeed in {attempts} attempts; check the venue's REST interface"
    )
