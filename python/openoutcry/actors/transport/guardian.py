"""What an actor is told when nobody is left to look after it."""

from typing import Any, Final

import thespian.actors as thespian

ORPHAN_GRACE_S: Final = 1.0  # an actor class may say otherwise in `orphan_grace_s`


class GuardianLost(thespian.ActorSystemMessage):  # type: ignore[misc]  # Thespian has no types
    """The parent or the admin of an actor died without a word. The actor is asked to exit a little later."""

    def __init__(self, address: Any, *, is_admin: bool) -> None:
        self.address = address
        self.is_admin = is_admin
