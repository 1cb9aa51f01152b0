"""Patterns of object names: which part of a store has to be listed, and which of what is there is meant.

The patterns mean what those of files mean: ``*`` and ``?`` stand for characters of one part of a name (parts
are between slashes), ``[abc]`` for one of these, ``**`` as a part of its own for any number of parts. A
wildcard at the beginning of a part does not stand for a dot.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

_MAGIC = re.compile(r"[*?[]")


def scheme_of(url: str) -> str:
    """What stands before ``://``, in lower case."""
    return url.partition("://")[0].lower()


def has_wildcard(text: str) -> bool:
    """Whether a text is a pattern."""
    return _MAGIC.search(text) is not None


def object_shard(url: str, count: int) -> int:
    """Which of ``count`` shards an object belongs to."""
    return int.from_bytes(blake2b(url.encode(), digest_size=8).digest(), "big") % count


@dataclass(frozen=True)
class NamePattern:
    """A pattern of names, as a file system has them: without the scheme, or with it where it keeps it.

    ``folder`` is what stands before the first part with a wildcard, ``stem`` the beginning of that part.
    ``depth`` is how many parts there are below the folder, None where that is open.
    """

    text: str

    @property
    def is_exact(self) -> bool:
        """Whether only one object is meant."""
        return not has_wildcard(self.text)

    @property
    def folder(self) -> str:
        """The folder to be listed, without a slash at its end."""
        return "/".join(self._parts[: self._first])

    @property
    def stem(self) -> str:
        """What the names in the folder begin with, as far as it is the same for all."""
        part = self._parts[self._first]
        found = _MAGIC.search(part)
        return part[: found.start()] if found else part

    @property
    def depth(self) -> int | None:
        """Number of parts below the folder."""
        parts = self._parts[self._first :]
        return None if "**" in parts else len(parts)

    def matches(self, name: str) -> bool:
        """Whether an object is meant."""
        return self._expression.fullmatch(name) is not None

    @cached_property
    def _parts(self) -> list[str]:
        return self.text.split("/")

    @cached_property
    def _first(self) -> int:
        """Index of the first part with a wildcard, or else of the last part."""
        last = len(self._parts) - 1
        return next((index for index, part in enumerate(self._parts) if has_wildcard(part)), last)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return re.compile("".join(_translated(self._parts)), re.DOTALL)


def _translated(parts: list[str]) -> Iterator[str]:
    last = len(parts) - 1
    for index, part in enumerate(parts):
        if part == "**":
            yield r"(?:[^/.][^/]*/)*" + (r"[^/.][^/]*" if index == last else "")
            continue
        if part[:1] in {"*", "?", "["}:
            yield r"(?!\.)"
        yield from _translated_part(part)
        if index < last:
            yield "/"


def _translated_part(part: str) -> Iterator[str]:
    position = 0
    while position < len(part):
        character = part[position]
        position += 1
        if character == "*":
            yield "[^/]*"
        elif character == "?":
            yield "[^/]"
        elif character == "[" and (characters := _set_at(part, position)) is not None:
            yield characters[0]
            position = characters[1]
        else:
            yield re.escape(character)


def _set_at(part: str, start: int) -> tuple[str, int] | None:
    """Expression of the set whose bracket opens before ``start``, and where it ends; None if it is none."""
    negated = part.startswith("!", start)
    # A bracket right at the beginning is one of the characters.
    end = part.find("]", start + 1 + negated)
    if end < 0:
        return None
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", part[start + negated : end])
    expression = f"(?!/)[{'^' if negated else ''}{inside}]"
    try:
        re.compile(expression)
    except re.error:
        return None
    return expression, end + 1
