"""Lines over the length limit: each is rejected, the others keep their place."""

from drift_exporter.sources.chunk import RAW_LIMIT, Rejection


def too_long(path: str, offset: int, raw: bytes, length: int, limit: int) -> Rejection:
    """Rejection of a line over the length limit."""
    return Rejection(
        path,
        offset,
        "too_long",
        f"the line has {length} bytes; limits.line allows {limit}",
        raw[: min(length, RAW_LIMIT)],
        length,
    )


def reject_long_lines(path: str, offset: int, data: bytes, limit: int) -> tuple[bytes, tuple[Rejection, ...]]:
    """Blank out the lines of NDJSON over ``limit`` bytes; the others keep their place."""
    if not may_hold_long_lines(data, limit):
        return data, ()
    blanked, rejections, start = bytearray(data), [], 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if end - start > limit:
            rejections.append(too_long(path, offset + start, data[start:end], end - start, limit))
            blanked[start:end] = b" " * (end - start)
        start = end + 1
    return bytes(blanked), tuple(rejections)


def may_hold_long_lines(data: bytes, limit: int) -> bool:
    """Whether a line could be over ``limit`` bytes: not every stretch of half of that holds a newline."""
    step = max(1, limit // 2)
    return any(data.find(b"\n", start, start + step) < 0 for start in range(0, len(data) - step + 1, step))
