"""Which files there are now."""

import errno
import glob
import os
import stat
from dataclasses import dataclass, field

from drift_exporter.sources.rotation import shard_of

FileKey = tuple[int, int]
"""Device and inode."""

State = tuple[int, float]
"""Size in bytes and time of modification (epoch seconds)."""

Shard = tuple[int, int]
"""Index, from 0, and count."""


@dataclass
class Listing:
    """Regular files with the path found and their state, and what is wrong with others."""

    found: dict[FileKey, tuple[str, State]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def list_files(pattern: str, shard: Shard | None = None) -> Listing:
    """Look for the files under ``pattern`` that belong to ``shard``; one stat for each.

    Of several names of a file the first in order is taken.
    """
    listing = Listing()
    found = listing.found
    path = None
    for path in glob.iglob(pattern, recursive=True):
        if shard is not None and shard_of(path, shard[1]) != shard[0]:
            continue
        try:
            status = os.stat(path)
        except OSError as error:
            # What was deleted this very moment is no problem, what a link leads to is missed.
            if error.errno != errno.ENOENT or os.path.islink(path):
                listing.problems.append(f"{path}: {error.strerror}")
            continue
        if stat.S_ISREG(status.st_mode):
            key = (status.st_dev, status.st_ino)
            if key not in found or path < found[key][0]:
                found[key] = (path, (status.st_size, status.st_mtime))
        elif not stat.S_ISDIR(status.st_mode):
            listing.problems.append(f"{path}: not a regular file")
    # A shard may have no file of its own.
    if path is None or not (found or shard):
        listing.problems.append(f"no file matches {pattern}")
    return listing
