"""What a source needs to pass the shared tests: something real behind it that records can be put into."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol


class Harness(Protocol):
    """The origin of one type of source.

    ``can_be_interrupted`` says that the origin may go away and come back. Where it ``repeats``, records may
    come twice, and are told apart by their ids. ``reads_once`` says that ``once`` has something to read.
    """

    can_be_interrupted: ClassVar[bool]
    repeats: ClassVar[bool]
    reads_once: ClassVar[bool]

    def __init__(self, folder: Path) -> None:
        """Start the origin; all it keeps is in ``folder``."""
        ...

    def source(self) -> dict[str, Any]:
        """``predictions.source`` of the configuration."""
        ...

    def predictions(self) -> dict[str, Any]:
        """Further keys of ``predictions``."""
        ...

    def publish(self, lines: Sequence[bytes], exporter: str) -> None:
        """Put lines (without newlines) there, in order; when it returns they cannot be lost any more.

        ``exporter`` is the address of the exporter, for what is pushed to it; it may be down meanwhile.
        """
        ...

    def interrupt(self) -> None:
        """Take the origin away, as a crash would."""
        ...

    def recover(self) -> None:
        """Bring it back with all it had."""
        ...

    def place(self, number: int) -> tuple[str, int] | None:
        """File and offset that a dead letter of the line with this number (from 0) names; None if any."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...
