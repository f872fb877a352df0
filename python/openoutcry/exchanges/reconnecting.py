"""Hold a connection for as long as the caller lives: reconnect with bounded backoff."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from openoutcry.domain.units import NS_PER_MS, NS_PER_S


class ConnectionLostError(Exception):
    """A session ended. `was_useful` says that it had delivered something, so that backoff starts anew."""

    def __init__(self, reason: str, *, was_useful: bool) -> None:
        super().__init__(reason)
        self.was_useful = was_useful


async def hold_connection(
    session: Callable[[], Awaitable[NoReturn]],
    on_lost: Callable[[str], None],
    *,
    backoff_first_ms: int,
    backoff_max_ms: int,
) -> NoReturn:
    """Run `session` again and again. It ends by ConnectionLostError; anything else ends this call too.

    The wait doubles from `backoff_first_ms` to `backoff_max_ms`, without jitter: one client has nobody to
    collide with.
    """
    wait_ms = backoff_first_ms
    while True:
        try:
            await session()
        except ConnectionLostError as lost:
            on_lost(str(lost))
            if lost.was_useful:
                wait_ms = backoff_first_ms
        await asyncio.sleep(wait_ms * NS_PER_MS / NS_PER_S)
        wait_ms = min(wait_ms * 2, backoff_max_ms)
