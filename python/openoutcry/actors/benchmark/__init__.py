"""How fast actors talk: the same actors and messages on our transport and on Thespian's own, in one run.

What an actor does here stands in files that import no transport, so that a process of a stock base runs
Thespian as it is shipped.
"""
