"""HTML that is safe by construction: what is not ``Markup`` is escaped when it becomes part of an element.

Names and categories come out of logs, so anyone who can send a request to the model can choose them.
"""

import html
from collections.abc import Iterable

_VOID = frozenset({"br", "link", "meta", "rect"})


class Markup(str):
    """Text that is HTML already. Only ``tag`` and ``join`` make it."""

    __slots__ = ()


def tag(element: str, /, *children: str | Markup | None, **attributes: str | float | bool | None) -> Markup:
    """One element. Children that are None are left out, those that are not Markup escaped.

    Attributes: ``class_`` means ``class``, ``aria_label`` means ``aria-label``; None and False leave the
    attribute out, True gives it without a value.
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{_escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if element in _VOID:
        return Markup(f"<{element}{given}/>")
    return Markup(f"<{element}{given}>{join(child for child in children if child is not None)}</{element}>")


def join(parts: Iterable[str | Markup]) -> Markup:
    """Parts one after another, escaped where they are not Markup."""
    return Markup("".join(part if isinstance(part, Markup) else _escape(part) for part in parts))


def clip(text: str, length: int = 60) -> str:
    """``text``, cut to at most ``length`` characters with an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"


def named(text: str, length: int = 60) -> Markup:
    """A name from outside, whole on hover; its writing direction changes nothing around it."""
    shown = clip(text, length) if text.strip() else "(empty)"
    return tag("bdi", shown, title=clip(text, 500) if shown != text else None)


def _escape(text: str) -> str:
    # Control characters have no meaning in a page; browsers would show them as anything.
    printable = "".join(c if c >= " " or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return html.escape(printable, quote=True)
