"""Lines of a chunk: where they start, which are blank, which are no text."""

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import IntArray
from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection

NEWLINE = 10
_BOM = b"\xef\xbb\xbf"
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


def plain_lines(chunk: Chunk) -> tuple[bytes, int]:
    """The text of a chunk without a byte order mark at the file's beginning, and its offset."""
    text = chunk.content
    if chunk.offset > 0 or not text.startswith(_BOM):
        return text, chunk.offset
    return text[len(_BOM) :], chunk.offset + len(_BOM)


def without_broken(text: bytes) -> tuple[bytes, list[int]]:
    """The text with spaces for the lines that are not UTF-8, and their numbers among those not blank."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        first = error.start
    else:
        return text, []
    starts, ends = line_spans(text)
    blanked, broken = bytearray(text), []
    for number in range(int(np.searchsorted(ends, first)), len(starts)):
        start, end = int(starts[number]), int(ends[number])
        try:
            text[start:end].decode()
        except UnicodeDecodeError:
            blanked[start:end] = b" " * (end - start)
            broken.append(number)
    return bytes(blanked), broken


def broken_line(path: str, offset: int, raw: bytes) -> Rejection:
    """The rejection of a line that is not UTF-8."""
    try:
        raw.decode()
        place = 0
    except UnicodeDecodeError as error:
        place = error.start
    detail = f"invalid UTF-8 at byte {place} of the line"
    return Rejection(path, offset, "invalid_utf8", detail, raw[:RAW_LIMIT], len(raw))
