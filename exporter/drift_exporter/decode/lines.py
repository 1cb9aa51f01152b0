"""Lines of a chunk: where they start, which are blank."""

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import IntArray

NEWLINE = 10
_WHITESPACE = np.zeros(256, dtype=bool)
_WHITESPACE[[9, 10, 11, 12, 13, 32]] = True


def line_spans(data: bytes | memoryview) -> tuple[IntArray, IntArray]:
    """Start and end (without the newline) of each line that is not blank; both (lines,).

    These are the lines that the JSON reader makes a row of, in order.
    """
    array: NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
    newlines = np.flatnonzero(array == NEWLINE)
    starts = np.concatenate([[0], newlines + 1])
    ends = np.append(newlines, len(array))
    full = ends > starts
    # Most lines start with a brace; only those that start with white space can be blank.
    if not len(array):
        return starts[full], ends[full]
    for index in np.flatnonzero(full & _WHITESPACE[array[np.minimum(starts, len(array) - 1)]]):
        full[index] = not _WHITESPACE[array[starts[index] : ends[index]]].all()
    return starts[full], ends[full]


def gather(data: bytes, starts: IntArray, ends: IntArray) -> bytes:
    """Join some lines, each ended by a newline."""
    return b"".join(
        data[start:end] + b"\n" for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    )
