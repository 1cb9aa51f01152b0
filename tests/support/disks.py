"""File systems for tests: small ones, ones that fail. Where we may not mount, the test is skipped."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

MIB = 1 << 20


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of ``size`` bytes in memory, at ``folder``."""
    folder.mkdir()
    _run_or_skip(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)])
    try:
        yield folder
    finally:
        _unmount(folder)


def fill(folder: Path) -> Path:
    """Write a file until the disk is full; deleting it gives the space back."""
    path = folder / "ballast"
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


@dataclass
class Disk:
    """A file system in the file ``image``, which can be mounted at ``folder`` again and again."""

    image: Path
    folder: Path
    device: str = ""

    def make(self, size: int, kind: str) -> None:
        """Make the file system, of ``kind`` ext2 or ext4 and ``size`` bytes."""
        with self.image.open("wb") as file:
            file.truncate(size)
        if shutil.which(f"mkfs.{kind}") is None:
            pytest.skip(f"mkfs.{kind} is not installed")
        subprocess.run([f"mkfs.{kind}", "-q", "-F", str(self.image)], check=True)
        self.folder.mkdir(exist_ok=True)

    def mount(self) -> None:
        """Attach it to a device that is free and mount it."""
        self.device = attach(self.image)
        try:
            _run_or_skip(["mount", self.device, str(self.folder)])
        except BaseException:
            detach(self.device)
            raise

    def unmount(self) -> None:
        """Undo that."""
        _unmount(self.folder)
        detach(self.device)

    @contextlib.contextmanager
    def mounted(self) -> Iterator[Path]:
        """The folder while the file system is mounted there."""
        self.mount()
        try:
            yield self.folder
        finally:
            self.unmount()


def attach(image: Path) -> str:
    """Give a file to a loop device that is free; returns that."""
    return _run_or_skip(["losetup", "--find", "--show", str(image)])


def detach(device: str) -> None:
    """Take the file from a loop device."""
    subprocess.run(["losetup", "--detach", device], check=True)


def without_override() -> Sequence[str]:
    """A command's prefix with which permissions bind root, too."""
    if os.geteuid():
        return ()
    prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    _run_or_skip([*prefix, "true"])
    return prefix


def _unmount(folder: Path) -> None:
    done = subprocess.run(["umount", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        # Nothing must be left mounted, also where a test has failed; it goes when nobody uses it any more.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        raise RuntimeError(done.stderr)


def _run_or_skip(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not installed")
    if done.returncode:
        pytest.skip(f"{' '.join(command)} is not permitted here: {done.stderr.strip()}")
    return done.stdout.strip()
