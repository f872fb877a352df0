"""A peer that is installed and cannot do the work: the row says why."""


class UnavailableError(Exception):
    """Its text stands in the table."""
