"""Drift of all columns together, from samples of whole records: what no column shows alone."""
