"""A message as Thespian's layers take it from a transport."""

from thespian.system.transport import ReceiveEnvelope


class Received(ReceiveEnvelope):  # type: ignore[misc]  # Thespian has no types
    """A message and its sender. Thespian asks for its description at each message, even if it logs none."""

    def identify(self) -> str:
        """The kind of message and its sender; never the text of the message itself."""
        return f"{type(self.message).__name__} from {self.sender}"
