"""Which file is one whose position is known, though nothing about it was known to this process."""

from collections.abc import Iterable, Mapping

from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.listing import FileKey
from drift_exporter.sources.position import Position

EVIDENCE = 64
"""Bytes that a head must cover to tell a content without the help of a name or a number."""


def same_files(
    files: Iterable[KnownFile], positions: Mapping[int, Position], *, by_path: bool
) -> tuple[dict[int, KnownFile], dict[FileKey, OSError]]:
    """The files whose positions these are, by serial, and those of which it cannot be told, with the reason.

    A file is known by device and inode; by its inode alone if its path or enough of its content agrees, since
    device numbers change when a file system is mounted anew; and, ``by_path``, by its path, as after it was
    brought back from a backup. In each case the content must be what was read.
    """
    by_inode: dict[int | str, list[Position]] = {}
    paths: dict[int | str, list[Position]] = {}
    for position in positions.values():
        # Without an inode it is known that no file is this one any more.
        if position.inode:
            by_inode.setdefault(position.inode, []).append(position)
            paths.setdefault(position.path, []).append(position)
    claimed: dict[int, KnownFile] = {}
    unclear: dict[FileKey, OSError] = {}
    rest = list(files)
    for suits, candidates in (
        (_same_identity, by_inode),
        (_same_inode, by_inode),
        *([(_same_path, paths)] if by_path else []),
    ):
        left = []
        for file in rest:
            key = file.path if suits is _same_path else file.identity[1]
            try:
                found = next(
                    (
                        position
                        for position in candidates.get(key, ())
                        if position.serial not in claimed and suits(file, position) and _holds(file, position)
                    ),
                    None,
                )
            except OSError as error:
                unclear[file.identity] = error
                continue
            if found is None:
                left.append(file)
            else:
                claimed[found.serial] = file
        rest = left
    return claimed, unclear


def _holds(file: KnownFile, position: Position) -> bool:
    # A file that is as it was when it was read to its end need not be read for this.
    unchanged = position.finished == file.seen and _same_identity(file, position)
    return unchanged or file.holds(position)


def _same_identity(file: KnownFile, position: Position) -> bool:
    return file.identity == (position.device, position.inode)


def _same_inode(file: KnownFile, position: Position) -> bool:
    return position.path == file.path or position.head.length >= EVIDENCE


def _same_path(_file: KnownFile, _position: Position) -> bool:
    return True
