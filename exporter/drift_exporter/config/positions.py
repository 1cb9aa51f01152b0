"""Where values stand in a file, and how places and values are told to people."""

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong at one place of the file. ``line`` counts from 1."""

    line: int
    path: str
    text: str

    def render(self, file: str) -> str:
        """One line: ``file:line: key.path: what is wrong; what would be right``."""
        return (
            f"{file}:{self.line}: {self.path}: {self.text}"
            if self.path
            else f"{file}:{self.line}: {self.text}"
        )


@dataclass(frozen=True)
class Document:
    """A file's plain data (``data`` is None where there is none), with line and raw text by key path.

    ``faulty`` are the paths that already have a problem, and whose value is left out of ``data``.
    """

    data: Any
    problems: list[Problem]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    raw: dict[KeyPath, str] = field(default_factory=dict)
    faulty: set[KeyPath] = field(default_factory=set)

    def line(self, path: KeyPath) -> int:
        """Line of a value, or of what encloses it where the path does not exist."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def show_path(path: KeyPath) -> str:
    """``models[0].columns.amount`` for a key path; an odd or long key is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]{1,60}", part):
            text += f".{part}" if text else part
        else:
            text += f"[{shorten(part)}]"
    return text


def shorten(value: str, length: int = 60) -> str:
    """A value in double quotes on one line, cut where it is long."""
    visible = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in value[: length + 1]
    )
    return f'"{visible[: length - 3]}..."' if len(visible) > length else f'"{visible}"'


def kind_of(value: Any) -> str:  # noqa: ANN401 (this is about values of any type)
    """A value and its type in words."""
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {shorten(value)}"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else "a mapping"
