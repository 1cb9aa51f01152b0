"""The records that are kept of slices, as rows of the table ``sample``."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from drift_exporter.state.rows import SavedSample
from drift_exporter.window.sample import Sample

SAMPLES = (
    'SELECT model, version, fingerprint, "window", start, "limit", keys, "values", sample.checksum '
    "FROM series JOIN sample ON sample.series = series.id"
)


def sample_rows(
    samples: Iterable[SavedSample], series: Mapping[tuple[str, str], int]
) -> Iterator[tuple[object, ...]]:
    """Rows of samples, given the ids of series by version and fingerprint."""
    for part in samples:
        keys, values = part.sample.keys.tobytes(), part.sample.values.tobytes()
        place = (part.window, part.start, part.sample.limit)
        yield (series[part.version, part.fingerprint], *place, keys, values, _checksum(*place, keys, values))


def to_sample(row: Sequence[Any]) -> SavedSample:
    """A row of ``SAMPLES``; ValueError where it is damaged."""
    _, version, fingerprint, window, start, limit, keys, values, checksum = row
    if _checksum(window, start, limit, keys, values) != checksum:
        raise ValueError("a checksum is wrong")
    numbers = np.frombuffer(keys, dtype=np.int64)
    # Views of what was read, which is never changed.
    table = np.frombuffer(values, dtype=np.float64)
    if not len(numbers) or len(table) % len(numbers):
        raise ValueError(f"{len(table):,} values are no records for {len(numbers):,} keys")
    return SavedSample(
        version, fingerprint, window, start, Sample(numbers, table.reshape(len(numbers), -1), limit)
    )


def _checksum(window: int, start: int, limit: int, keys: bytes, values: bytes) -> int:
    return zlib.crc32(values, zlib.crc32(keys, zlib.crc32(repr((window, start, limit)).encode())))
