"""Pieces of an answer as chunks, and where in the answer a place in a chunk is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift_exporter.reference.model import IntArray
from drift_exporter.sources.chunk import Chunk, Rejection
from drift_exporter.sources.http.pieces import Piece


@dataclass(frozen=True)
class Places:
    """Where the pieces of a chunk are: they begin at ``starts`` in the chunk.

    A record is known by the byte of the page's text where it begins, or where ``by_record`` by its number.
    """

    starts: IntArray
    pieces: Sequence[Piece]
    by_record: bool

    def locate(self, offset: int) -> tuple[str, int]:
        """Page and place in it, of a place in the chunk."""
        index = min(int(np.searchsorted(self.starts, offset, side="right")), len(self.pieces)) - 1
        piece, within = self.pieces[index], offset - int(self.starts[index])
        if self.by_record:
            return piece.page, piece.record + piece.data.count(b"\n", 0, within)
        return piece.page, piece.offset + within


def chunk_of(pieces: Sequence[Piece], kind: str) -> Chunk | None:
    """Some pieces, of pages of some format, as one chunk; None where nothing in them is new."""
    pieces = [piece for piece in pieces if piece.data]
    if not pieces:
        return None
    starts = np.cumsum([0, *(len(piece.data) for piece in pieces[:-1])])
    rejections: list[Rejection] = [
        replace(rejection, offset=int(start) + rejection.offset)
        for start, piece in zip(starts, pieces, strict=True)
        for rejection in piece.rejections
    ]
    data = b"".join(piece.data for piece in pieces)
    return Chunk(
        path=pieces[0].page,
        format="csv" if kind == "csv" else "ndjson",
        offset=0,
        data=data,
        header=pieces[0].header,
        size=len(data),
        rejections=tuple(rejections),
        divisible=len(pieces) > 1,
        locate=Places(starts, pieces, kind == "json").locate,
    )
