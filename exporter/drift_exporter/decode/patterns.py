"""Regular expressions with named groups, in the syntax of RE2: what can be told without compiling them."""

import re
from collections.abc import Collection
from dataclasses import dataclass

_NAMED = re.compile(r"\(\?P?<(?![=!])([^>]*)>")
_UNKNOWN = {
    "(?=": "looks ahead",
    "(?!": "looks ahead",
    "(?<=": "looks behind",
    "(?<!": "looks behind",
    "(?P=": "refers back to a group",
    "(?>": "has an atomic group",
    "(?#": "has a comment",
    "(?(": "has a condition",
}
_CLASS = re.compile(r"\[\^?\]?(?:\\.|\[:\w*:\]|[^\]\\])*\]", re.DOTALL)


@dataclass(frozen=True)
class LinePattern:
    """A pattern: ``names`` of its groups in order, and its pieces, with the name where a group begins."""

    names: tuple[str, ...]
    _pieces: tuple[tuple[str, str | None], ...]

    def capturing(self, names: Collection[str]) -> str:
        """The pattern as RE2 takes it, with these groups only: each of them costs time."""
        return "".join(
            piece if name is None else "(" if name in names else "(?:" for piece, name in self._pieces
        )


def parse_pattern(text: str) -> LinePattern:
    """Find the groups of a pattern. Raises ValueError, in words for its author, where it cannot be used.

    Named groups may be written (?P<name>...) or (?<name>...). What RE2 does not have is refused where it is
    easily told; whether all else is right is known once it is compiled.
    """
    pieces: list[tuple[str, str | None]] = []
    names: list[str] = []
    position = depth = 0
    while position < len(text):
        start, byte = position, text[position]
        position += 1
        if byte == "\\":
            position = _after_escape(text, start)
        elif byte == "[":
            found = _CLASS.match(text, start)
            if found is None:
                raise ValueError("a [ is not closed; write \\[ for the character")
            position = found.end()
        elif byte == ")":
            depth -= 1
            if depth < 0:
                raise ValueError("a ) closes nothing; write \\) for the character")
        elif byte == "(":
            depth += 1
            position, name = _after_opening(text, start, names)
            pieces.append((text[start:position], name))
            continue
        pieces.append((text[start:position], None))
    if depth:
        raise ValueError("a ( is not closed; write \\( for the character")
    if not names:
        raise ValueError("there is no named group; write (?P<name>...) around what a field shall hold")
    return LinePattern(tuple(names), tuple(pieces))


def group_of(path: tuple[str, ...]) -> str:
    """The group that holds a field: names of groups have no dots, so there is an underscore for each."""
    return "_".join(path)


def _after_escape(text: str, start: int) -> int:
    following = text[start + 1 : start + 2]
    if not following:
        raise ValueError("it ends in a backslash; write \\\\ for the character")
    if following in "123456789":
        raise ValueError(f"\\{following} refers back to a group, which RE2 does not have; write it otherwise")
    if following == "Q":
        end = text.find("\\E", start + 2)
        if end < 0:
            raise ValueError("\\Q has no \\E; add it")
        return end + 2
    return start + 2


def _after_opening(text: str, start: int, names: list[str]) -> tuple[int, str | None]:
    """Where the inside of a group begins, and its name; a group without one has an empty name."""
    for beginning, what in _UNKNOWN.items():
        if text.startswith(beginning, start):
            raise ValueError(f"{beginning} {what}, which RE2 does not have; write it otherwise")
    found = _NAMED.match(text, start)
    if found is not None:
        name = found[1]
        if not re.fullmatch(r"\w+", name):
            raise ValueError(f"{name!r} cannot name a group; use letters, digits and _ only")
        if name in names:
            raise ValueError(f"two groups are called {name!r}; each needs a name of its own")
        names.append(name)
        return found.end(), name
    return start + 1, None if text.startswith("(?", start) else ""
