"""Laying the bins of a model's columns while it serves, from the first records that its source delivers.

It is done as ``reference build`` does it, over chunks that are kept in memory until there are enough records.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import duckdb

from drift_exporter.config.references import ENOUGH
from drift_exporter.config.schema import Config, Model
from drift_exporter.config.sources import pattern_of
from drift_exporter.database import connect
from drift_exporter.decode.plan import literal
from drift_exporter.errors import DriftExporterError
from drift_exporter.reference.build import assemble, check_rejected, check_rows
from drift_exporter.reference.discover import discover, which_records
from drift_exporter.reference.inputs import Passes
from drift_exporter.reference.model import Reference
from drift_exporter.reference.reading import Decoding, FirstPass, make_reference_plan
from drift_exporter.reference.texts import RowTexts
from drift_exporter.sources.chunk import Chunk

log = logging.getLogger(__name__)

LEAST = 1_000
"""Records that they are laid from where more would take more memory than ``MEMORY``."""

_NEARLY = 0.9
"""Share of them that does: some lines are blank or rejected."""

_FASTEST = 4.0
"""How many times as many lines are looked at next time, at most."""

MEMORY = 64 << 20
"""Bytes of chunks that are kept at most."""


@dataclass
class KeptChunks:
    """Chunks in memory, which can be read as often as wanted."""

    kept: Sequence[Chunk]
    passes: int = 2

    def chunks(self) -> Iterator[Chunk]:
        """One pass over the chunks."""
        return iter(self.kept)


def lay_bins(
    config: Config, model: Model, reader: Passes, clock: Callable[[], float] = time.time
) -> Reference | None:
    """The reference of a model from the chunks of ``reader``, without a sample.

    None where models share the log and no record is the model's own.

    Raises ReferenceFileError where there are no records or columns, or where values are not what the
    configuration says; duckdb.Error or DecodeError where a chunk cannot be read.
    """
    discovery = discover(config, model, reader)
    which = which_records(model)
    if which.model is not None and not discovery.rows:
        return None
    pattern = pattern_of(model.predictions.source)
    plan = make_reference_plan(model, discovery.specs)
    first = FirstPass(model, discovery.specs, discovery.rows, 0, Path(gettempdir()))
    row_texts = RowTexts(config.limits.line, which, pattern)
    with Decoding(config, plan, pattern) as decoding, row_texts as texts:
        for chunk, records in decoding.records(reader):
            first.add(chunk, records, texts)
        check_rejected(model, decoding)
    check_rows(model, first, len(discovery.specs))
    return assemble(model, discovery.specs, first, discovery.notes, clock())


class BinsLearner:
    """Collects chunks until the bins can be laid from them. ``problem`` says why they could not last time."""

    def __init__(self, config: Config, model: Model, clock: Callable[[], float] = time.time) -> None:
        self.problem: str | None = None
        self.reference: Reference | None = None
        self._config, self._model, self._clock = config, model, clock
        self._folder: TemporaryDirectory[str] | None = None
        self._kept: list[tuple[Chunk, int]] = []
        self._due = ENOUGH
        self._left_out = 0
        self._failures = 0

    def close(self) -> None:
        """Give back what is kept."""
        self._kept.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def add(self, chunk: Chunk) -> Reference | None:
        """Look at a chunk before it is counted; returns the reference once there is one.

        A chunk that comes again (as a whole or its beginning) takes the place of what came before.
        """
        if self.reference is None and (chunk.data or chunk.memory is not None or chunk.rows):
            try:
                self._keep(chunk)
                self._try()
            except (DriftExporterError, duckdb.Error, OSError) as error:
                self.fail(str(error).splitlines()[0])
            except Exception as error:
                # Reading must go on; it is told like the others.
                log.exception("model %s: laying the bins failed", self._model.name)
                self.fail(f"{type(error).__name__}: {error}")
        return self.reference

    def _keep(self, chunk: Chunk) -> None:
        if self._left_out > 0:
            self._left_out -= chunk.rows or _lines(chunk.content)
            return
        if self._kept and _begins_with(self._kept[-1][0], chunk):
            self._kept.pop()
        wanted = self._due - sum(lines for _, lines in self._kept)
        if chunk.format == "parquet":
            self._kept.append(self._copy(chunk, min(wanted, chunk.rows)))
        else:
            data = _first_lines(chunk.content, wanted)
            kept = replace(chunk, data=data, memory=None, size=len(data), rejections=())
            self._kept.append((kept, _lines(data)))

    def _try(self) -> None:
        """Lay the bins if enough is kept. In a log that models share, a line may be another model's."""
        lines, full = sum(lines for _, lines in self._kept), self._size() >= MEMORY
        if not self._kept or (lines < self._due and not full):
            return
        reference = lay_bins(
            self._config, self._model, KeptChunks([chunk for chunk, _ in self._kept]), self._clock
        )
        rows = 0 if reference is None else reference.rows
        if rows >= _NEARLY * ENOUGH or (full and rows >= LEAST):
            self.reference, self.problem = reference, None
            self.close()
        elif full:
            self.fail(
                f"only {rows} of {lines} records, which take {self._size() >> 20} MiB, are the "
                f"model's, and {LEAST} are needed"
            )
        else:
            self._due = math.ceil(1.1 * lines * min(_FASTEST, max(1.0, ENOUGH / max(rows, 1))))

    def fail(self, why: str) -> None:
        """Begin anew, with a pause that is longer each time."""
        self.reference = None
        self.problem = (
            f"the bins of its reference cannot be laid from its records: {why}; name a file with them, made "
            "by drift-exporter reference build: reference: {..., bins: FILE}"
        )
        self.close()
        self._left_out = ENOUGH * 2**self._failures
        self._failures, self._due = min(self._failures + 1, 10), ENOUGH

    def _size(self) -> int:
        return sum(len(chunk.data) for chunk, _ in self._kept)

    def _copy(self, chunk: Chunk, rows: int) -> tuple[Chunk, int]:
        """Rows of a Parquet file in a file of our own: who knows how long that one is there."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="drift-exporter-bins-")
        path = f"{self._folder.name}/{len(self._kept)}.parquet"
        with connect() as connection:
            connection.execute(
                "COPY (SELECT * EXCLUDE (file_row_number) FROM read_parquet("  # noqa: S608  # quoted by literal
                f"{literal(chunk.path)}, file_row_number = true) WHERE file_row_number >= {chunk.offset} "
                f"AND file_row_number < {chunk.offset + rows}) TO {literal(path)} (FORMAT parquet)"
            )
        return replace(chunk, path=path, offset=0, rows=rows, size=rows), rows


def _lines(data: bytes) -> int:
    return data.count(b"\n") + bool(data and not data.endswith(b"\n"))


def _first_lines(data: bytes, most: int) -> bytes:
    """At most ``most`` lines, and at most a quarter of ``MEMORY``."""
    parts = data.split(b"\n", most)
    if len(parts) > most:
        data = data[: len(data) - len(parts[-1])]
    if len(data) > MEMORY // 4:
        cut = data.rfind(b"\n", 0, MEMORY // 4) + 1
        data = data[:cut] if cut else data
    return data


def _begins_with(known: Chunk, chunk: Chunk) -> bool:
    """Whether a chunk is the last one again, or its beginning."""
    if chunk.format == "parquet":
        return known.locate == chunk.locate and (known.path, known.offset) == (chunk.path, chunk.offset)
    if (known.path, known.offset) != (chunk.path, chunk.offset):
        return False
    data = chunk.content
    return data.startswith(known.data) or known.data.startswith(data)
