"""The base of everything actors tell each other.

Messages are immutable: a message may be sent to several actors, kept in a window and written to a
journal, and none of them can change what another one read. Nothing immutable is part of a cycle, so the
garbage collector need not look at them (`gc=False`): a backtest keeps hundreds of thousands. Class
names are unique in the project, because an actor's handler is found by the name of the class.
"""

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """A decision or a fact. `id` is unique and deterministic; `cause_id` names what led to it."""

    id: str
    cause_id: str = ""
