"""The last pass over the input of a reference: what is in its bins, and in which window of time."""

from dataclasses import replace

import numpy as np

from drift_exporter.config.schema import Config, Model
from drift_exporter.config.sources import pattern_of
from drift_exporter.count.counting import count_columns
from drift_exporter.count.layout import Layout, make_layout
from drift_exporter.planning import criteria_of
from drift_exporter.reference.inputs import Reader
from drift_exporter.reference.model import Column, FloatArray, IntArray, Kind, Reference
from drift_exporter.reference.moments import Moments
from drift_exporter.reference.reading import Decoding, FirstPass, make_reference_plan
from drift_exporter.reference.windows import WindowCounts


def count_again(
    config: Config, model: Model, reference: Reference, first: FirstPass, reader: Reader
) -> Reference:
    """The reference with its bins counted over all rows, and calibrated on its own windows.

    Nothing is read where neither is needed: all rows are counted already, and the rows have no timestamps, or
    there are too few of them.
    """
    specs = (*first.numeric_specs, *first.categorical_specs)
    # Labels that stand apart are in no record.
    plan = make_reference_plan(model, [spec for spec in specs if spec.path])
    layout = make_layout(reference, plan)
    incomplete = first.rows > first.numeric.used
    windows = None
    if first.start is not None and first.end is not None:
        lengths = [window.seconds for window in config.windows]
        windows = WindowCounts(layout, lengths, first.start, first.end, first.rows)
    calibrated = windows is not None and windows.wanted
    if not incomplete and not calibrated:
        return reference
    counts = np.zeros(layout.size, dtype=np.int64)
    sums = np.zeros(layout.sums_size)
    with Decoding(config, plan, pattern_of(model.predictions.source)) as decoding:
        for _, records in decoding.records(reader):
            if incomplete:
                group = np.zeros(records.rows, dtype=np.int64)
                found = count_columns(layout, records.numeric, records.categorical, group, 1)
                counts += found.counts[0]
                sums += found.sums[0]
            if windows is not None and calibrated:
                windows.add(records)
    if incomplete:
        moments = {
            (spec.kind, spec.name): moment
            for spec, moment in zip(first.numeric_specs, first.moments, strict=True)
        }
        reference = replace(reference, columns=_counted(layout, counts, sums, moments))
    if windows is None or not calibrated:
        return reference
    calibration = windows.calibrate(reference.columns, criteria_of(model).tolerance, reference.seed)
    return replace(reference, calibration=calibration)


def _counted(
    layout: Layout, counts: IntArray, sums: FloatArray, moments: dict[tuple[Kind, str], Moments]
) -> tuple[Column, ...]:
    columns: dict[tuple[Kind, str], Column] = {(c.kind, c.name): c for c in layout.reference.columns}
    for slot in layout.numeric:
        key = (slot.column.kind, slot.column.name)
        fine = slot.binner.bins
        columns[key] = replace(
            slot.column,
            fine_counts=counts[slot.start : slot.start + fine].copy(),
            fine_sums=sums[slot.sums_start : slot.sums_start + fine].copy(),
            missing=int(counts[slot.start + fine]),
            mean=moments[key].mean,
            standard_deviation=moments[key].standard_deviation,
            minimum=moments[key].minimum,
            maximum=moments[key].maximum,
        )
    return tuple(columns.values())
