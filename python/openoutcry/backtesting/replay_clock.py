"""What time it was in a replayed market when the clock on the wall showed another."""

from typing import Self

import msgspec

from openoutcry.backtesting.journals import RunJournals


class ReplayClock(msgspec.Struct, frozen=True, kw_only=True):
    """A moment that is known in both times, and how many times as fast as the market was it was played."""

    wall_ns: int
    market_ns: int
    speed: float

    def market_time_ns(self, wall_ns: int) -> int:
        """The market's time, as exact as the replay kept its pace and the known moment was told at once."""
        return self.market_ns + round((wall_ns - self.wall_ns) * self.speed)

    @classmethod
    def of_run(cls, run: RunJournals) -> Self | None:
        """From the intent that was taken on soonest after the close that caused it; None without a pace."""
        speed = run.record.replay_speed
        moments = [
            (run.planned_ns[planned.approved.id], int(planned.approved.intent.event_ns))
            for planned in run.parents
        ]
        if not speed or not moments:
            return None
        wall_ns, market_ns = min(moments, key=lambda moment: moment[0] - moment[1] / speed)
        return cls(wall_ns=wall_ns, market_ns=market_ns, speed=speed)
