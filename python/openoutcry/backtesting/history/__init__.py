"""History: what a backtest replays, and where it comes from."""
