"""Honest statistics: what a backtest's figures say, and how much of them may be luck."""
