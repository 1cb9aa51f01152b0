"""A reference as a file: JSON that a person can read, exact to the last bit when it is read back."""

import json
import os
from pathlib import Path
from typing import Any, NoReturn

from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.document import (
    FORMAT,
    VERSION,
    Flaw,
    fingerprint,
    from_document,
    layout,
    to_document,
)
from drift_exporter.reference.model import Reference

_BUILD = "drift-exporter reference build --config CONFIG --model MODEL --input FILE --output"


def save_reference(reference: Reference, path: Path) -> None:
    """Write a reference. The file at ``path`` is replaced at once or left as it was.

    Raises ReferenceFileError where it cannot be written.
    """
    text = layout(to_document(reference)) + "\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ReferenceFileError(f"{path}: cannot be written: {error.strerror or error}") from error


def load_reference(path: Path) -> Reference:
    """Read a reference back, exactly as it was saved.

    Raises ReferenceFileError, naming the file and what to do, where it is missing, no reference, of a newer
    version, or damaged.
    """
    document = _read(path)
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        _damaged(path, f"its version is {version!r}")
    if version > VERSION:
        raise ReferenceFileError(
            f"{path}: written by a newer drift-exporter (format version {version}, this one reads up to "
            f"{VERSION}); upgrade drift-exporter, or build it anew: {_BUILD} {path}"
        )
    try:
        reference = from_document(document)
    except KeyError as error:
        _damaged(path, f"{error.args[0]!r} is missing")
    except (Flaw, TypeError, ValueError, AttributeError, OverflowError) as error:
        _damaged(path, str(error))
    if fingerprint(reference.columns, reference.derivations) != reference.fingerprint:
        _damaged(path, "the bins do not match the fingerprint")
    return reference


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ReferenceFileError(f"{path}: there is no such file; build it: {_BUILD} {path}") from error
    except OSError as error:
        raise ReferenceFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        where = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ReferenceFileError(
            f"{path}{where}: not JSON ({error}); give the .json file that reference build wrote, "
            f"or build it: {_BUILD} {path}"
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ReferenceFileError(
            f'{path}: this JSON is no reference: it lacks "format": "{FORMAT}"; '
            f"give the file that reference build wrote, or build it: {_BUILD} {path}"
        )
    return document


def _damaged(path: Path, what: str) -> NoReturn:
    raise ReferenceFileError(
        f"{path}: damaged or edited by hand: {what}; restore the file, or build it anew: {_BUILD} {path}"
    )
