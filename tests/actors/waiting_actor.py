"""An actor whose handler is a coroutine: it waits for a later message, and then answers the first."""

import asyncio

from openoutcry.actors.loop_actor import LoopActor
from openoutcry.assembly.topology import INGESTION
from openoutcry.domain.market import VenueStatus


class WaitingActor(LoopActor):
    role = INGESTION

    def configure(self):
        self.later = asyncio.Event()
        return {}

    async def handle_CandleHistory(self, message, now_ns):  # noqa: N802  found by name
        await self.later.wait()
        self.publish(
            VenueStatus(
                id=f"after:{message.id}", venue="v", symbol="X", state="live", reason="", at_ns=now_ns
            )
        )

    def handle_CandleClosed(self, message, now_ns):  # noqa: N802  found by name
        self.later.set()
