"""Refusing a value in words that are shown to the user as they are."""

from collections.abc import Sequence

from pydantic_core import PydanticCustomError

REFUSED = "refused"
Part = tuple[tuple[str | int, ...], str]
"""A key path relative to the refused value, and what is wrong there."""


def refuse(text: str) -> PydanticCustomError:
    """An error for a validator to raise: ``what is wrong; what would be right``."""
    return PydanticCustomError(REFUSED, "{text}", {"text": text, "parts": [((), text)]})


def refuse_parts(parts: Sequence[Part]) -> PydanticCustomError:
    """One error for several problems inside of the value."""
    text = "; ".join(text for _, text in parts)
    return PydanticCustomError(REFUSED, "{text}", {"text": text, "parts": list(parts)})
