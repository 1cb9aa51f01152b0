"""Only one process at a time may use a state folder: who does holds the lock on a file in it."""

import contextlib
import fcntl
import os
from pathlib import Path

from drift_exporter.errors import StateError

LOCK = "lock"


def take_lock(folder: Path) -> int:
    """Take the folder, and make it where it is not there, until the returned descriptor is closed.

    Raises StateError where another process has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StateError(
            f"state_dir {folder} cannot be written: {error.strerror}; give this user the right to, or "
            "name another"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise StateError(
            f"state_dir {folder} is in use by another drift-exporter (process {owner or 'unknown'}); "
            "stop that one, or name another folder"
        ) from None
    with contextlib.suppress(OSError):
        # For the message only.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
