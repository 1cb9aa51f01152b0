"""Which form of the metrics a scraper gets, from its Accept and Accept-Encoding headers (RFC 9110)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Format = Literal["text", "openmetrics"]

# Every name of ours is a legacy name, which these schemes leave as it is; "dots" would change it.
_IDENTITY_ESCAPINGS = frozenset({"allow-utf-8", "underscores", "values"})


@dataclass(frozen=True)
class Choice:
    """A format and the Content-Type that says so."""

    format: Format
    content_type: str


PLAIN = Choice("text", "text/plain; version=0.0.4; charset=utf-8")
"""What anyone gets who asks for nothing in particular: readable in a browser and by every Prometheus."""


def choose_format(accept: str) -> Choice:
    """The acceptable format with the highest weight; of equals the one named first; else ``PLAIN``."""
    best: tuple[float, Choice] | None = None
    for media_type, parameters, weight in _ranges(accept):
        choice = _choice(media_type, parameters)
        if choice is not None and weight > 0 and (best is None or weight > best[0]):
            best = (weight, choice)
    return PLAIN if best is None else best[1]


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the answer may be compressed with gzip: it, or else ``*``, has a weight above zero."""
    weights = {coding: weight for coding, _, weight in _ranges(accept_encoding)}
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _choice(media_type: str, parameters: dict[str, str]) -> Choice | None:
    version = parameters.get("version", "")
    if media_type == "application/openmetrics-text":
        if version == "0.0.1":
            return Choice("openmetrics", f"{media_type}; version=0.0.1; charset=utf-8")
        if version in {"", "1.0.0"}:
            return Choice(
                "openmetrics", f"{media_type}; version=1.0.0; charset=utf-8" + _escaping(parameters)
            )
    elif media_type == "text/plain" and version == "1.0.0":
        return Choice("text", "text/plain; version=1.0.0; charset=utf-8" + _escaping(parameters))
    elif media_type in {"text/plain", "text/*", "*/*"} and version in {"", "0.0.4"}:
        return PLAIN
    return None


def _escaping(parameters: dict[str, str]) -> str:
    asked = parameters.get("escaping")
    if asked is None:
        return ""
    return f"; escaping={asked if asked in _IDENTITY_ESCAPINGS else 'underscores'}"


def _ranges(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Elements of a weighted list: value and parameters in lower case, and the weight (1 if not said)."""
    for element in header.split(","):
        value, *pairs = (token.strip().lower() for token in element.split(";"))
        parameters = {
            name.strip(): text.strip().strip('"') for name, _, text in (pair.partition("=") for pair in pairs)
        }
        try:
            weight = float(parameters.pop("q", "1"))
        except ValueError:
            weight = 0.0
        if value:
            yield value, parameters, weight
