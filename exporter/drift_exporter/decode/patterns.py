"""Regular expressions with named groups, in the syntax of RE2: what can be told without compiling them."""

import re
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
    """A pattern as RE2 takes it, and its groups in order: their names, None for those without one."""

    text: str
    groups: tuple[str | None, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups."""
        return tuple(name for name in self.groups if name is not None)


def parse_pattern(text: str) -> LinePattern:
    """Find the groups of a pattern. Raises ValueError, in words for its author, where it cannot be used.

    Named groups may be written (?P<name>...) or (?<name>...). What RE2 does not have is refused where it is
    easily told; whether all else is right is known once it is compiled.
    """
    written: list[str] = []
    groups: list[str | None] = []
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
            position, piece = _after_opening(text, start, groups)
            written.append(piece)
            continue
        written.append(text[start:position])
    if depth:
        raise ValueError("a ( is not closed; write \\( for the character")
    if not any(groups):
        raise ValueError("there is no named group; write (?P<name>...) around what a field shall hold")
    return LinePattern("".join(written), tuple(groups))


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


def _after_opening(text: str, start: int, groups: list[str | None]) -> tuple[int, str]:
    """Where the inside of a group begins, and how its beginning is written for RE2."""
    for beginning, what in _UNKNOWN.items():
        if text.startswith(beginning, start):
            raise ValueError(f"{beginning} {what}, which RE2 does not have; write it otherwise")
    found = _NAMED.match(text, start)
    if found is not None:
        name = found[1]
        if not re.fullmatch(r"\w+", name):
            raise ValueError(f"{name!r} cannot name a group; use letters, digits and _ only")
        if name in groups:
            raise ValueError(f"two groups are called {name!r}; each needs a name of its own")
        groups.append(name)
        return found.end(), f"(?P<{name}>"
    if not text.startswith("(?", start):
        groups.append(None)
    return start + 1, "("
