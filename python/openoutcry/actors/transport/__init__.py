"""How actors' messages travel."""
