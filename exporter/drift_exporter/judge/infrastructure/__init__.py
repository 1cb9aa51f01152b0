"""Signals of the infrastructure: what is expected of them, how odd they are, and what moves together."""
