"""Records of labels: decoded, and joined with the predictions that a model's ingest has counted."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from drift_exporter.budget import divide
from drift_exporter.config.schema import Config, Labels
from drift_exporter.config.sources import pattern_of
from drift_exporter.config.values import split_path
from drift_exporter.decode.formats import make_decoder
from drift_exporter.decode.plan import CategoricalLeaf, NumericLeaf, Plan
from drift_exporter.decode.records import Bounds, Records
from drift_exporter.ingest import FUTURE_TOLERANCE, JOINED_ROWS, ModelIngest, first_time, within_memory
from drift_exporter.join.rows import NEVER
from drift_exporter.outcomes.answers import label_rows
from drift_exporter.outcomes.model import ModelOutcomes
from drift_exporter.reference.model import FloatArray
from drift_exporter.sources.chunk import Chunk, Rejection
from drift_exporter.window.slices import MICROSECONDS


class LabelIngest:
    """The labels of one model, which may be called from the thread that reads its predictions only.

    What it counts itself (``records`` and ``rejected``) is of records of labels. Values of the wrong type are
    counted among the model's.
    """

    def __init__(
        self,
        labels: Labels,
        config: Config,
        ingest: ModelIngest,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if ingest.outcomes is None:
            raise ValueError("predictions are not kept for labels")
        self.lock = ingest.lock
        self.records = 0
        self.rejected: Counter[str] = Counter()
        self.watermark: int | None = None
        self._ingest = ingest
        self._clock = clock
        self._classes = ingest.outcomes.reader.classes
        label = split_path(labels.fields.label)
        known = self._classes.known
        fields = labels.fields
        self._plan = Plan(
            numeric=() if known else (NumericLeaf(label, "label", "label"),),
            categorical=(CategoricalLeaf(label, "label", "label", known),) if known else (),
            timestamp=None if fields.timestamp is None else split_path(fields.timestamp),
            timestamp_format=fields.timestamp_format,
            id=split_path(fields.id),
        )
        self._table = self._classes.of_categories(known)
        budget = divide(config.limits.memory)
        bounds = Bounds(min(budget.rows_of(len(self._plan.paths())), JOINED_ROWS), budget.reader)
        source = labels.source
        self._decoder = make_decoder(
            source.decoded_as, self._plan, config.limits.line, bounds, pattern_of(source)
        )

    def close(self) -> None:
        """Give back what the decoder holds."""
        self._decoder.close()

    def adopt(self, old: "LabelIngest") -> None:
        """Take over the counters of before the model was configured anew."""
        self.records, self.rejected, self.watermark = old.records, old.rejected, old.watermark

    def first_time(self, kind: str, header: bytes, lines: bytes) -> int | None:
        """Event time (microseconds) of the first good record in some lines, None where there is none."""
        return first_time(self._decoder, self._plan, kind, header, lines)

    def ingest(
        self,
        chunk: Chunk,
        reject: Callable[[Sequence[Rejection]], None],
        accept: Callable[[], None] = lambda: None,
    ) -> int | None:
        """Join a chunk of labels; returns the time of its last record (microseconds), None where it has none.

        ``reject`` and ``accept`` are as those of ``ModelIngest.ingest``. May raise StateError where what
        waits for labels cannot be read; nothing is changed then.
        """
        records = within_memory(self._decoder.decode, chunk)
        rejections = chunk.located((*chunk.rejections, *records.rejections))
        horizon = round((self._clock() + FUTURE_TOLERANCE) * MICROSECONDS)
        rows = None
        if records.rows and records.ids is not None:
            times = records.timestamps
            if times is None:
                times = np.full(records.rows, NEVER)
            rows = label_rows(self._labels(records), times, records.ids)
        with self.lock:
            outcomes = self._outcomes()
            joined = None
            if rows is not None:
                joined = outcomes.join_labels(rows, self._ingest.watermark, horizon)
            if rejections:
                reject(rejections)
            self.rejected.update(rejection.reason for rejection in rejections)
            self.records += records.rows
            self._ingest.invalid.update(records.invalid)
            if joined is not None:
                outcomes.take((), joined)
                if self._ingest.watermark is not None:
                    outcomes.evict(self._ingest.watermark)
            if records.timestamps is not None and records.rows:
                usable = records.timestamps[records.timestamps <= horizon]
                newest = int(usable.max()) if len(usable) else None
                if newest is not None and (self.watermark is None or newest > self.watermark):
                    self.watermark = newest
            accept()
        return records.last_time

    def _outcomes(self) -> ModelOutcomes:
        """Those of the ingest, which may be others after bins were laid."""
        if self._ingest.outcomes is None:
            raise ValueError("predictions are not kept for labels")
        return self._ingest.outcomes

    def _labels(self, records: Records) -> FloatArray:
        """Codes of classes or numbers (rows,), NaN where there is none."""
        if not self._classes.names:
            values = records.numeric[0]
            return np.where(np.isfinite(values), values, np.nan)
        codes = self._table.take(records.categorical[0])
        return np.where(codes < 0, np.nan, codes.astype(np.float64))
