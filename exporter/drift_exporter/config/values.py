"""Values with a unit (15s, 1MiB) and paths into a record, from text and back to it."""

import re
from dataclasses import dataclass

_SECONDS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}
_DURATION = re.compile(
    r"(?:([0-9]{1,9})w)?(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m(?!s))?(?:([0-9]{1,9})s)?(?:([0-9]{1,9})ms)?"
)
_BYTES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"([0-9]{1,15})(|B|KiB|MiB|GiB)")


@dataclass(frozen=True)
class Window:
    """A window of event time: its name as configured (``7d``) and its length in seconds."""

    name: str
    seconds: float


def parse_duration(text: str) -> float | None:
    """Seconds of a duration such as ``15s``, ``1h30m``, ``7d`` or ``500ms``; None if it is not one."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    parts = zip(match.groups(), _SECONDS.values(), strict=True)
    return sum(int(number) * unit for number, unit in parts if number is not None)


def format_duration(seconds: float) -> str:
    """The shortest text that :func:`parse_duration` reads as ``seconds`` (to the millisecond)."""
    left = round(seconds * 1000)
    parts = []
    for unit, length in _SECONDS.items():
        count, left = divmod(left, round(length * 1000))
        # Weeks and days are kept apart only where nothing is lost in reading: 7d is said more often than 1w.
        if unit == "w":
            left += count * round(length * 1000)
        elif count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: str) -> int | None:
    """Bytes of a size such as ``1MiB``, ``512KiB`` or ``4096``; None if it is not one."""
    match = _SIZE.fullmatch(text)
    return None if match is None else int(match[1]) * _BYTES[match[2]]


def format_size(size: int) -> str:
    """The shortest text that :func:`parse_size` reads as ``size``."""
    for unit, length in reversed(_BYTES.items()):
        if size and size % length == 0 and length > 1:
            return f"{size // length}{unit}"
    return str(size)


DEEPEST_FIELD = 32
"""Levels of objects that a path into a record may reach down."""


def split_path(path: str) -> tuple[str, ...]:
    r"""Keys of a path into a record: ``a.b`` is key b of object a, and ``a\.b`` is one key with a dot."""
    return tuple(part.replace("\\.", ".") for part in re.split(r"(?<!\\)\.", path))


def join_path(keys: tuple[str, ...]) -> str:
    """The path that :func:`split_path` splits into ``keys``."""
    return ".".join(key.replace(".", "\\.") for key in keys)
