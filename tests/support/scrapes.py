"""Metrics as they are scraped."""

import requests


def scrape(url: str) -> str:
    """What an exporter exposes there; nothing where nobody answers."""
    try:
        answer = requests.get(url, timeout=5)
    except requests.RequestException:
        return ""
    return answer.text if answer.ok else ""


def series(text: str) -> dict[str, float]:
    """Values of an exposition in the text format, by the series as it is written there."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
