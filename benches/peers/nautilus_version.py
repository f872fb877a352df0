"""Refuses another nautilus-trader than the one that is meant: an installer on 3.11 silently takes 1.221."""

import nautilus_trader

WANTED = "2.0.0rc6"

if nautilus_trader.__version__ != WANTED:
    raise ImportError(
        f"nautilus-trader {nautilus_trader.__version__} is not {WANTED}; run `make bench-peers`"
    )
