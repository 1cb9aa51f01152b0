"""How the memory for decoding (``limits.memory``) is divided."""

import os
from dataclasses import dataclass

_SLOT = 160 << 20
_CHUNK = 48 << 20
_CHUNKS_PER_SLOT = 5
"""A chunk, what the reader makes of it, and the arrays of it."""

_ROW = 1200
"""Bytes that a record may take: as a rejected one, with its text and what is wrong with it."""

_CELL = 24
"""Bytes that a value may take in all arrays that are held at the same time."""


@dataclass(frozen=True)
class Budget:
    """What decoding may use: so many chunks at the same time, bytes and records of each, bytes of its reader.

    ``rows`` is for so few columns that their values take less than a rejected record.
    """

    slots: int
    chunk_size: int
    rows: int
    reader: int

    def rows_of(self, columns: int) -> int:
        """How many records of so many columns a chunk may hold."""
        return max(1, min(self.rows, self.reader // (_CELL * max(1, columns))))


def divide(memory: int, processors: int | None = None) -> Budget:
    """Divide ``memory`` (bytes) among as many decoders as there are ``processors``, or as fit into it."""
    slots = max(1, min(processors or os.cpu_count() or 1, memory // _SLOT))
    reader = memory // slots
    return Budget(slots, min(_CHUNK, reader // _CHUNKS_PER_SLOT), reader // _ROW, reader)
