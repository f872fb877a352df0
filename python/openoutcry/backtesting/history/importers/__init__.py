"""Importers, one format a file: each makes sources of what it finds."""
