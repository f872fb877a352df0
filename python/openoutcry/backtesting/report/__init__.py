"""Reports as single HTML files: of a run (`run.py`) and of a backtest (`backtest.py`)."""
