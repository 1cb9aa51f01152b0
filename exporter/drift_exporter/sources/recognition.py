"""Which file is one whose position is known, though nothing about it was known to this process."""

from collections.abc import Iterable, Mapping

from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.listing import FileKey
from drift_exporter.sources.position import Position

EVIDENCE = 64
"""Bytes that a head must cover to tell a content without the help of a name or a number."""


def same_files(
    files: Iterable[KnownFile], positions: Mapping[int, Position], *, just_restored: bool
) -> tuple[dict[int, KnownFile], dict[FileKey, OSError]]:
    """The files whose positions these are, by serial, and those of which it cannot be told, and why.

    A file is known by device and inode; by its inode alone if its path or enough of its content agrees, since
    device numbers change when a file system is mounted anew; and by its path, as after it was brought back
    from a backup. In each case the content must be what was read. The path tells nothing, and device and
    inode alone not enough, where the positions were not ``just_restored``: then those files went before one's
    eyes, and others may have been made under their name or number.
    """
    by_inode: dict[int, list[Position]] = {}
    by_path: dict[str, list[Position]] = {}
    for position in positions.values():
        # Without an inode it is known that no file is this one any more.
        if position.inode:
            by_inode.setdefault(position.inode, []).append(position)
            by_path.setdefault(position.path, []).append(position)
    claimed: dict[int, KnownFile] = {}
    unclear: dict[FileKey, OSError] = {}
    rest = list(files)
    for suits in (_same_identity, _same_inode, _same_path) if just_restored else (_returned,):
        left = []
        for file in rest:
            known = by_path.get(file.path, ()) if suits is _same_path else by_inode.get(file.identity[1], ())
            try:
                found = next(
                    (
                        position
                        for position in known
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
    if position.finished == file.seen and _same_identity(file, position):
        return True
    truncated = file.grows and file.seen[0] < position.known_size
    return not truncated and file.holds(position)


def _same_identity(file: KnownFile, position: Position) -> bool:
    return file.identity == (position.device, position.inode)


def _same_inode(file: KnownFile, position: Position) -> bool:
    return position.path == file.path or position.head.length >= EVIDENCE


def _same_path(_file: KnownFile, _position: Position) -> bool:
    return True


def _returned(file: KnownFile, position: Position) -> bool:
    # What does not grow comes back as it was, or it was made anew.
    complete = position.finished is None or position.finished == file.seen or file.grows
    return complete and _same_inode(file, position)
