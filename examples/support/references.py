"""References of the examples: what ``drift-exporter reference build`` makes, but always of the same date."""

from pathlib import Path

from drift_exporter.config import load_config
from drift_exporter.reference.build import build_reference

CREATED = 1767225600.0
"""2026-01-01, in seconds since the epoch."""


def make_reference(config: Path, model: str, known_good: Path, output: Path) -> None:
    """Build the reference of ``model`` from one file of known good records."""
    build_reference(load_config(config), model, [known_good], output=output, clock=lambda: CREATED)
