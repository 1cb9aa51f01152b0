"""Names that log rotation gives to files.

A rotated file has the name of the log with numbers or dates behind it (``app.log.1``,
``app.log-20260101``), or before its extension (``app-20260101.log``, logrotate's ``extension``), and
perhaps ``.gz`` or ``.zst``.
"""

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

COMPRESSED = (".gz", ".zst")

_NUMBERS = r"(?:[.-]\d+(?:[T_]\d[\d:]*)?Z?)+"
_BEHIND = re.compile(rf"(?<=.){_NUMBERS}\Z", re.DOTALL)
_BEFORE_EXTENSION = re.compile(rf"(.+?){_NUMBERS}(\.[A-Za-z]\w*)\Z", re.DOTALL)
_DATE_BEFORE_EXTENSION = re.compile(
    r"(.+?)[.-](?:19|20)\d\d-?[01]\d-?[0-3]\d(?:[T_.-]?\d[\d:]*Z?)*(\.[A-Za-z]\w*)\Z", re.DOTALL
)


def is_compressed(path: str) -> bool:
    """Whether the name says that the content is compressed."""
    return path.endswith(COMPRESSED)


def without_compression(name: str) -> str:
    """The name without .gz or .zst."""
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return name


def base_name(name: str) -> str:
    """A file's name as it was before any rotation that adds to its end."""
    return _BEHIND.sub("", without_compression(name))


def base_before_extension(name: str) -> str | None:
    """The name without numbers before its extension, if it has such: ``app-20260101.log`` was ``app.log``."""
    found = _BEFORE_EXTENSION.match(without_compression(name))
    return found[1] + found[2] if found else None


def originals(name: str) -> Iterator[str]:
    """All base names of files that a file of this name may be a rotated copy of."""
    for index in range(1, len(name)):
        if not name[index].isalnum():
            yield name[:index]
    if (base := base_before_extension(name)) is not None:
        yield base


def may_be_copy(copy: str, original: str, *, original_lives: bool) -> bool:
    """Whether the name of ``copy`` is a rotated form of the name of ``original``, both in the same folder.

    Where both are plain and the original is still there, it must have a name that is not rotated itself:
    ``app.log.2`` is no copy of ``app.log.1``, that would have been renamed.
    """
    copy, original = os.path.basename(copy), os.path.basename(original)
    plain = not is_compressed(copy) and not is_compressed(original)
    base = base_name(original)
    if base in originals(copy):
        return not (plain and original_lives) or original == base
    # logrotate renames app.1.log to app.2.log before or after it is compressed.
    return (
        is_compressed(copy)
        and not is_compressed(original)
        and (before := base_before_extension(original)) is not None
        and before == base_before_extension(copy)
    )


@lru_cache(maxsize=1 << 16)
def families(path: str) -> frozenset[tuple[str, str]]:
    """Folder and base names under which a file's rotated copies look for it."""
    folder, name = os.path.split(path)
    before = base_before_extension(name)
    return frozenset({(folder, base_name(name)), (folder, before or base_name(name))})


@lru_cache(maxsize=1 << 16)
def shard_of(path: str, count: int) -> int:
    """Which of ``count`` shards a file belongs to; a rotated file stays in the shard of its log.

    A number before the extension is part of the name here, as in ``host-1.log``; a date is not.
    """
    folder, name = os.path.split(path)
    base = _DATE_BEFORE_EXTENSION.sub(r"\1\2", base_name(name))
    key = os.fsencode(os.path.join(folder, base))
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") % count
