"""Files that people edit: what was edited by hand is kept, as ``.bundle.json`` knows what was written."""

import difflib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from drift_exporter.errors import BundleError

MANIFEST = ".bundle.json"
_FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """What was written or offered: the sha256 of each file by its path, and the addresses that were given."""

    files: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, Any] = field(default_factory=dict)


class Standing(Enum):
    """How a file in the folder stands to the one that belongs there."""

    NEW = "new"
    SAME = "same"
    UPDATED = "updated"
    OVERWRITTEN = "overwritten"
    EDITED = "edited by hand, kept"
    BEHIND = "edited by hand, kept, and there is a newer version"
    DELETED = "deleted by hand, left so"


WRITTEN = {Standing.NEW, Standing.UPDATED, Standing.OVERWRITTEN}


@dataclass(frozen=True)
class Outcome:
    """One file: how it stands, what is there (None: nothing) and what belongs there."""

    path: str
    standing: Standing
    old: bytes | None
    new: bytes

    @property
    def effective(self) -> bytes | None:
        """What is there afterwards."""
        return self.new if self.standing in WRITTEN else self.old


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder, an empty one where there is none; raises BundleError where it is damaged."""
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_bytes())
        if data["format"] != _FORMAT:
            raise BundleError(
                f"{path}: is of another version of drift-exporter (format {data['format']}); use that one"
            )
        return Manifest({str(k): str(v) for k, v in data["files"].items()}, dict(data["addresses"]))
    except FileNotFoundError:
        return Manifest()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{path}: is damaged ({error!r}); restore it, or delete it: then every file that differs counts "
            "as edited by hand"
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, sorted, so that it can be compared."""
    data = {"format": _FORMAT, "addresses": manifest.addresses, "files": dict(sorted(manifest.files.items()))}
    write(folder / MANIFEST, (json.dumps(data, indent=2, sort_keys=True) + "\n").encode())


def decide(folder: Path, path: str, new: bytes, manifest: Manifest, *, force: bool) -> Outcome:
    """What is to become of one file."""
    last = manifest.files.get(path)
    try:
        old = (folder / path).read_bytes()
    except FileNotFoundError:
        standing = Standing.NEW if last is None or force else Standing.DELETED
        return Outcome(path, standing, None, new)
    if old == new:
        standing = Standing.SAME
    elif fingerprint(old) == last:
        standing = Standing.UPDATED
    elif force:
        standing = Standing.OVERWRITTEN
    else:
        standing = Standing.EDITED if last == fingerprint(new) else Standing.BEHIND
    return Outcome(path, standing, old, new)


def left_over(folder: Path, paths: set[str], manifest: Manifest) -> list[str]:
    """Files that were written once, are still there, and do not belong there any more."""
    return sorted(path for path in manifest.files if path not in paths and (folder / path).exists())


def difference(outcome: Outcome) -> Iterator[str]:
    """Unified diff from what is there to what belongs there; nothing for a file that is new or the same."""
    if outcome.standing in {Standing.NEW, Standing.SAME, Standing.DELETED} or outcome.old is None:
        return
    try:
        old, new = (raw.decode().splitlines(keepends=True) for raw in (outcome.old, outcome.new))
    except UnicodeDecodeError:
        yield f"Binary files a/{outcome.path} and b/{outcome.path} differ\n"
        return
    for line in difflib.unified_diff(old, new, f"a/{outcome.path}", f"b/{outcome.path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def fingerprint(content: bytes) -> str:
    """What the manifest remembers of a content."""
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)  # noqa: PTH105  # both are paths; the name says what it does
    finally:
        draft.unlink(missing_ok=True)
