"""The pass over all rows in which everything but the bins is found: counts, moments, samples, performance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from drift_exporter.config.schema import Config, Model
from drift_exporter.decode.formats import make_decoder
from drift_exporter.decode.plan import (
    CODE_FIRST,
    CODE_OTHER,
    CategoricalLeaf,
    NumericLeaf,
    Plan,
)
from drift_exporter.decode.records import Decoder, Records
from drift_exporter.reference.discover import Spec, derived_leaves, which_records
from drift_exporter.reference.inputs import Passes, place
from drift_exporter.reference.labels import LabelStudy
from drift_exporter.reference.model import IntArray
from drift_exporter.reference.moments import Moments
from drift_exporter.reference.sample import sample_rows
from drift_exporter.reference.sampling import Keys, Reservoir
from drift_exporter.reference.texts import RowTexts
from drift_exporter.sources.chunk import Chunk, Rejection


@dataclass
class Rejected:
    """How many records could not be read, and the first of them."""

    count: int = 0
    first: Rejection | None = None

    def add(self, rejections: Sequence[Rejection]) -> None:
        """Count rejections of one chunk."""
        self.count += len(rejections)
        if self.first is None and rejections:
            self.first = min(rejections, key=lambda rejection: rejection.offset)

    def told(self, rows: int) -> str | None:
        """What there is to say of it beside ``rows`` good ones, None where there is nothing."""
        if self.first is None:
            return None
        where = place(self.first.path, self.first.offset)
        of_all = f"{self.count} of {rows + self.count} records were rejected"
        return f"{of_all}; the first is {where}: {self.first.detail}"


class Decoding:
    """Decodes chunks of any format under one plan. ``accepted`` counts the good records of any model."""

    def __init__(self, config: Config, plan: Plan, line_pattern: str | None = None) -> None:
        """``line_pattern`` takes lines of text apart."""
        self.plan = plan
        self._line_pattern = line_pattern
        self.rejected = Rejected()
        self.accepted = 0
        self._line_limit = config.limits.line
        self._decoders: dict[str, Decoder] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for decoder in self._decoders.values():
            decoder.close()

    def records(self, reader: Passes) -> Iterator[tuple[Chunk, Records]]:
        """All chunks with their records, but for those without any."""
        for chunk in reader.chunks():
            self.rejected.add(chunk.located(chunk.rejections))
            if not chunk.data and not chunk.rows:
                continue
            records = self._decoder(chunk).decode(chunk)
            self.rejected.add(chunk.located(records.rejections))
            self.accepted += records.accepted
            if records.rows:
                yield chunk, records

    def other_names(self, reader: Passes, enough: int) -> list[str]:
        """Names of other models in a log that models share: the first that are found, ``enough`` of them."""
        names: dict[str, None] = {}
        for chunk in reader.chunks():
            if chunk.data or chunk.rows:
                names.update(dict.fromkeys(self._decoder(chunk).unknown(chunk, self.plan.model_names)))
            if len(names) >= enough:
                break
        return list(names)[:enough]

    def _decoder(self, chunk: Chunk) -> Decoder:
        decoder = self._decoders.get(chunk.format)
        if decoder is None:
            decoder = make_decoder(chunk.format, self.plan, self._line_limit, pattern=self._line_pattern)
            self._decoders[chunk.format] = decoder
        return decoder


def make_reference_plan(model: Model, specs: Sequence[Spec]) -> Plan:
    """Plan that reads the columns and the timestamp of the model's records.

    Numeric columns are those of the specs, in their order, where the derived ones stand last.
    """
    which = which_records(model)
    return Plan(
        numeric=tuple(
            NumericLeaf(spec.path, spec.name, spec.kind)
            for spec in specs
            if spec.numeric and spec.derivation is None
        ),
        derived=derived_leaves(specs),
        categorical=tuple(
            CategoricalLeaf(spec.path, spec.name, spec.kind, spec.categories)
            for spec in specs
            if not spec.numeric
        ),
        timestamp=which.timestamp,
        timestamp_format=which.timestamp_format,
        model=which.model,
        models=() if which.model is None else (which.name,),
    )


class FirstPass:
    """Everything found in one pass over all rows.

    ``numeric`` holds up to ``limit`` rows of the numeric columns, then answers and labels (see LabelStudy),
    in a file that is mapped into memory; ``sampled`` the sample's rows of all columns and the timestamp.
    ``moments`` and ``infinite`` follow the numeric columns, ``codes`` counts the categorical ones' codes.
    """

    def __init__(self, model: Model, specs: Sequence[Spec], limit: int, seed: int, folder: Path) -> None:
        self.numeric_specs = tuple(spec for spec in specs if spec.numeric)
        self.categorical_specs = tuple(spec for spec in specs if not spec.numeric)
        self.rows = 0
        self.start: int | None = None
        self.end: int | None = None
        self.moments = [Moments() for _ in self.numeric_specs]
        self.infinite = [0 for _ in self.numeric_specs]
        self.codes: list[IntArray] = [
            np.zeros(CODE_FIRST + len(spec.categories), dtype=np.int64) for spec in self.categorical_specs
        ]
        read = tuple(spec for spec in self.numeric_specs if spec.derivation is None)
        self.labels = LabelStudy(model.task, read, self.categorical_specs, model.performance)
        self._keys = Keys(seed)
        fields = len(self.numeric_specs)
        self.numeric = Reservoir(_on_disk((fields + self.labels.extra, limit), folder))
        width = fields + len(self.categorical_specs) + 1
        errors = self.labels.enabled and model.task == "regression"
        sample = sample_rows(width, learned=errors or bool(model.anomaly))
        self.sampled = Reservoir(np.empty((width, min(limit, sample))))
        self.texts: list[NDArray[np.object_]] = [
            np.full(self.sampled.size, None, dtype=object) for _ in self.categorical_specs
        ]

    def add(self, chunk: Chunk, records: Records, row_texts: RowTexts) -> None:
        """Add the records of a chunk."""
        self.rows += records.rows
        times = np.full(records.rows, np.nan)
        if records.timestamps is not None:
            least, most = int(records.timestamps.min()), int(records.timestamps.max())
            self.start = least if self.start is None else min(self.start, least)
            self.end = most if self.end is None else max(self.end, most)
            times = records.timestamps.astype(np.float64)
        numeric = []
        for i, values in enumerate(records.numeric):
            finite = np.isfinite(values)
            self.infinite[i] += int(np.count_nonzero(np.isinf(values)))
            self.moments[i].add(values[finite])
            numeric.append(np.where(finite, values, np.nan))
        for i, codes in enumerate(records.categorical):
            self.codes[i] += np.bincount(codes, minlength=len(self.codes[i]))
        extra = self.labels.add(records)
        keys = self._keys.draw(records.rows)
        self.numeric.add(keys, [*numeric, *extra])
        codes_as_numbers = [codes.astype(np.float64) for codes in records.categorical]
        rows, slots = self.sampled.add(keys, [*numeric, *codes_as_numbers, times])
        self._keep_texts(chunk, records, rows, slots, row_texts)

    def sample(self) -> tuple[list[NDArray[np.float64]], list[NDArray[np.object_]], NDArray[np.float64]]:
        """Numeric columns, categorical columns as text (None is missing) and times of the sampled rows."""
        slots = self.sampled.order()
        fields = len(self.numeric_specs)
        texts = []
        for i, spec in enumerate(self.categorical_specs):
            codes = self.sampled.values[fields + i, slots].astype(np.int64)
            names = np.array([None, None, None, *spec.categories], dtype=object)
            texts.append(np.where(codes == CODE_OTHER, self.texts[i][slots], names[codes]))
        return list(self.sampled.values[:fields, slots]), texts, self.sampled.values[-1, slots]

    def _keep_texts(
        self, chunk: Chunk, records: Records, rows: IntArray, slots: IntArray, row_texts: RowTexts
    ) -> None:
        """Remember the text of sampled values that are in none of the kept categories."""
        for i, spec in enumerate(self.categorical_specs):
            other = records.categorical[i][rows] == CODE_OTHER
            if other.any() and spec.path:
                self.texts[i][slots[other]] = row_texts.read(chunk, records, spec.path, rows[other])


def _on_disk(shape: tuple[int, int], folder: Path) -> NDArray[np.float64]:
    """An array in a file without a name, so that the system can take its pages from memory."""
    if 0 in shape:
        return np.empty(shape)
    with TemporaryFile(dir=folder) as file:
        return np.memmap(file, dtype=np.float64, mode="w+", shape=shape)
