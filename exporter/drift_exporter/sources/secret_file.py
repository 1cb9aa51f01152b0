"""Secrets that stand in files of their own."""

from pathlib import Path

from drift_exporter.errors import SourceError


def read_secret(path: Path, named: str) -> str:
    """The secret in a file, without white space around it; ``named`` is the option that names the file.

    Raises SourceError where there is none.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SourceError(f"{named} {path}: cannot be read: {error.strerror or error}") from error
    except ValueError:
        raise SourceError(f"{named} {path}: is not UTF-8 text") from None
    if not secret:
        raise SourceError(f"{named} {path}: is empty; write the secret into it")
    return secret
