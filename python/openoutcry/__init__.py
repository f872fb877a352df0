"""openoutcry: an actor-model trading system."""
