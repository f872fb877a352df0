"""Every error the system raises on purpose.

OpenOutcryError
├── InvalidInputError      what was given cannot be used; the message says what to give instead
├── ConfigurationError     the settings are wrong
├── MissingDataError       no recording or history where one was asked for
├── VenueError             the venue refused or failed
│   ├── VenueRejectedError     the venue said no: the request had no effect
│   ├── AuthenticationError    the venue did not accept the key or its signature
│   └── AmbiguousResultError   no answer: the request may or may not have had its effect
├── JournalError           the journal cannot be written or read: trading must stop
├── HaltedError            the halt is armed: nothing may be sent
└── InterruptedSearchError a search was interrupted; what it found so far is kept
"""


class OpenOutcryError(Exception):
    """Base of all errors raised on purpose. `exit_code` is the process's status when it ends one."""

    exit_code = 1


class InvalidInputError(OpenOutcryError, ValueError):
    """What was given cannot be used."""

    exit_code = 2


class ConfigurationError(OpenOutcryError):
    """The settings are wrong."""

    exit_code = 3


class MissingDataError(OpenOutcryError):
    """There is no recording or history where one was asked for."""

    exit_code = 4


class VenueError(OpenOutcryError):
    """The venue refused or failed. `code` is the venue's own, where it gave one."""

    exit_code = 5

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class VenueRejectedError(VenueError):
    """The venue answered no; the request had no effect."""


class AuthenticationError(VenueError):
    """The venue did not accept the key or its signature."""


class AmbiguousResultError(VenueError):
    """No answer came: the request may or may not have had its effect."""


class JournalError(OpenOutcryError):
    """The journal cannot be written or read; trading must stop."""

    exit_code = 6


class HaltedError(OpenOutcryError):
    """The halt is armed; nothing may be sent."""

    exit_code = 7


class InterruptedSearchError(OpenOutcryError):
    """A search of parameters was interrupted; what it found so far is kept."""

    exit_code = 130  # 128 + SIGINT, as shells have it
