"""Metrics as they are scraped."""


def series(text: str) -> dict[str, float]:
    """Values of an exposition in the text format, by the series as it is written there."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
