"""The search for parameters, and what of its best is left on data that it has not seen."""
