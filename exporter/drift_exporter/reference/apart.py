"""Labels of a reference that stand apart from its predictions, joined by id.

They are kept in memory while the reference is built: 24 bytes each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from drift_exporter.config.schema import Config, Fields, Model
from drift_exporter.config.sources import pattern_of
from drift_exporter.config.values import split_path
from drift_exporter.decode.plan import CODE_MISSING, CodeArray
from drift_exporter.decode.records import HashArray, Records
from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.discover import Spec, discover
from drift_exporter.reference.inputs import Progress, Reader, find_inputs
from drift_exporter.reference.model import FloatArray
from drift_exporter.reference.reading import Decoding, make_reference_plan


@dataclass
class LabelsApart:
    """Labels by the hashes of their ids, ``low`` (ascending) and ``high`` (labels,).

    ``values`` are numbers, or the codes of the categories of ``spec``, whose path is empty: it is in no
    record. ``repeated`` counts ids that came again, of which the last label holds. ``joined`` (labels,) tells
    which of them have found their prediction.
    """

    spec: Spec
    low: HashArray
    high: HashArray
    values: FloatArray
    repeated: int
    joined: np.ndarray[tuple[int], np.dtype[np.bool_]] = field(init=False)

    def __post_init__(self) -> None:
        self.joined = np.zeros(len(self.low), dtype=np.bool_)

    def attach(self, records: Records) -> Records:
        """Records with their labels, before all other numbers or categories."""
        if records.ids is None:
            raise ValueError("records are read without their ids")
        low, high = records.ids
        place = np.minimum(np.searchsorted(self.low, low), len(self.low) - 1)
        found = (self.low[place] == low) & (self.high[place] == high) & ((low > 0) | (high > 0))
        self.joined[place[found]] = True
        if self.spec.numeric:
            numbers = np.where(found, self.values[place], np.nan)
            return replace(records, numeric=(numbers, *records.numeric))
        codes: CodeArray = np.where(found, self.values[place], CODE_MISSING).astype(np.uint16)
        return replace(records, categorical=(codes, *records.categorical))

    def note(self) -> str:
        """What became of them."""
        lost = int((~self.joined).sum())
        again = f"; {self.repeated} came again for an id, and the last one holds" if self.repeated else ""
        unknown = f"; {lost} are of no row" if lost else ""
        return f"labels: {len(self.low)} ids, {int(self.joined.sum())} joined{unknown}{again}"


def read_labels_apart(config: Config, model: Model, files: Sequence[Path], progress: Progress) -> LabelsApart:
    """Read the labels of files, under ``labels.fields``.

    Raises ReferenceFileError where the configuration does not say how to join them, or there are none.
    """
    labels = model.labels
    if labels is None or model.predictions.fields.id is None:
        raise ReferenceFileError(
            f"labels cannot be joined: model {model.name!r} needs labels.fields (id and label) and "
            "predictions.fields.id"
        )
    if model.predictions.fields.label is not None:
        raise ReferenceFileError(
            f"predictions.fields.label of model {model.name!r} says that records hold their labels; name no "
            "files with labels, or leave it out"
        )
    # A label's record is read like a prediction's that has nothing but an id and a label.
    fields = Fields(id=labels.fields.id, label=labels.fields.label)
    predictions = model.predictions.model_copy(update={"fields": fields, "source": labels.source})
    alone = model.model_copy(update={"predictions": predictions, "labels": None})
    reader = Reader(find_inputs(files, labels.source.decoded_as), config.limits.line, progress, passes=2)
    specs = discover(config, alone, reader).specs
    if not specs:
        raise ReferenceFileError(
            f"no label was found in {', '.join(map(str, files))}; check labels.fields of model {model.name!r}"
        )
    plan = replace(make_reference_plan(alone, specs), id=split_path(labels.fields.id))
    lows, highs, values = [], [], []
    with Decoding(config, plan, pattern_of(labels.source)) as decoding:
        for _, records in decoding.records(reader):
            if records.ids is not None:
                lows.append(records.ids[0])
                highs.append(records.ids[1])
                values.append((records.numeric or records.categorical)[0].astype(np.float64))
    if not lows:
        raise ReferenceFileError(
            f"no label could be read in {', '.join(map(str, files))}; check labels.fields of model "
            f"{model.name!r}"
        )
    return _sorted(specs[0], np.concatenate(lows), np.concatenate(highs), np.concatenate(values))


def _sorted(spec: Spec, low: HashArray, high: HashArray, values: FloatArray) -> LabelsApart:
    told = np.isfinite(values) if spec.numeric else values != CODE_MISSING
    told &= (low > 0) | (high > 0)
    low, high, values = low[told], high[told], values[told]
    if not len(low):
        raise ReferenceFileError("no label has both an id and a value; check labels.fields")
    # The same half of two ids' hashes comes about once in 2^64 pairs.
    order = np.argsort(low, kind="stable")
    last = np.append(low[order][1:] != low[order][:-1], True)
    kept = order[last]
    return LabelsApart(
        replace(spec, path=()), low[kept], high[kept], values[kept], repeated=int((~last).sum())
    )
