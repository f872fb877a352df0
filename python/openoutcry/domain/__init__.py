"""The nouns and the messages. This package imports nothing of ours."""
