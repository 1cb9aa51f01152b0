"""The exporter's own verdicts, by its own code: reference build, decoding, counting and judging.

Many windows are judged from counts of their rows. ``through_the_exporter`` takes one window all the way from
a log file, and the benchmark compares the two.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from detection.cases import Case, Stream
from detection.verdicts import Verdicts
from drift_exporter.config import load_config
from drift_exporter.config.schema import Config
from drift_exporter.count.counting import count_columns
from drift_exporter.count.layout import make_layout
from drift_exporter.decode.plan import literal
from drift_exporter.decode.records import Records, concatenate
from drift_exporter.judge.evaluate import judge_window
from drift_exporter.planning import criteria_of, make_plan
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.inputs import Reader, find_inputs
from drift_exporter.reference.model import Reference
from drift_exporter.reference.reading import Decoding
from drift_exporter.runtime import take_snapshot
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import WindowSnapshot

LEVELS = {"drift_exporter": 0.99, "drift_exporter, confidence 0.95": 0.95}
"""From which confidence, adjusted for the number of columns, a column alarms: 0.99 is what a page needs."""


@dataclass(frozen=True)
class Judge:
    """A stream's configuration with its reference."""

    stream: Stream
    path: Path
    config: Config
    reference: Reference

    def read(self, path: Path) -> Records:
        """Records of a file, decoded as the exporter decodes them."""
        model = self.config.models[0]
        reader = Reader(find_inputs([path], "parquet"), self.config.limits.line, lambda _done, _of: None, 1)
        with Decoding(self.config, make_plan(model, [self.reference])) as decoding:
            return concatenate([records for _, records in decoding.records(reader)])

    def judge(self, case: Case, records: Records, windows: Sequence[int]) -> list[WindowSnapshot]:
        """Judge some windows of a case."""
        model = self.config.models[0]
        layout = make_layout(self.reference, make_plan(model, [self.reference]))
        criteria = criteria_of(model)
        one = np.zeros(case.size, dtype=np.int64)
        judged = []
        for window in windows:
            rows = slice(window * case.size, (window + 1) * case.size)
            numeric = tuple(values[rows] for values in records.numeric)
            categorical = tuple(codes[rows] for codes in records.categorical)
            counted = count_columns(layout, numeric, categorical, one, 1)
            start, end = case.span(window)
            judged.append(
                judge_window(
                    f"{case.hours}h",
                    start,
                    end,
                    self.reference,
                    counted.counts[0],
                    counted.sums[0],
                    case.size,
                    criteria,
                )
            )
        return judged


def configure(stream: Stream, hours: Sequence[int]) -> Judge:
    """Write a stream's configuration, with windows of so many hours, and build its reference."""
    roles = {"prediction", "score"} & {*stream.numeric, *stream.categorical}
    features = [name for name in (*stream.numeric, *stream.categorical) if name not in roles]
    types = dict.fromkeys(stream.numeric, "numeric") | dict.fromkeys(stream.categorical, "categorical")
    model = {
        "name": "model",
        "task": stream.task,
        "reference": "reference.json",
        "predictions": {
            "source": {"type": "file", "path": "logs/*.parquet"},
            "fields": {
                "timestamp": "ts",
                **{role: role for role in sorted(roles)},
                "features": {name: name for name in features},
            },
        },
        "columns": {name: {"type": types[name]} for name in features},
    }
    path = stream.folder / "config.yml"
    # JSON is YAML.
    path.write_text(json.dumps({"windows": [f"{n}h" for n in sorted(set(hours))], "models": [model]}))
    config = load_config(path)
    reference = build_reference(
        config,
        "model",
        [stream.reference],
        output=stream.folder / "reference.json",
        clock=lambda: stream.begin,
    )
    return Judge(stream, path, config, reference)


def verdicts(judge: Judge, case: Case, records: Records) -> list[Verdicts]:
    """Verdicts on all windows of a case, by each level of confidence."""
    windows = range(case.count)
    begin = time.process_time()
    judged = judge.judge(case, records, windows)
    spent = time.process_time() - begin
    columns = tuple(column.name for column in judge.reference.columns)
    confidence = np.array([[column.adjusted_confidence for column in window.columns] for window in judged])
    return [
        Verdicts(name, columns, tuple(windows), confidence >= level, spent / case.count)
        for name, level in LEVELS.items()
    ]


def through_the_exporter(judge: Judge, case: Case, window: int) -> WindowSnapshot:
    """One window's records as a log, read and judged by a model as it runs in the exporter."""
    log = judge.path.parent / "logs" / "window.parquet"
    log.parent.mkdir(exist_ok=True)
    first, last = window * case.size, (window + 1) * case.size - 1
    rows = (
        f"SELECT * EXCLUDE (file_row_number) FROM read_parquet({literal(str(case.windows))}, "
        f"file_row_number = true) WHERE file_row_number BETWEEN {first} AND {last} ORDER BY ts"
    )
    duckdb.execute(f"COPY ({rows}) TO {literal(str(log))} (FORMAT parquet)")
    model = make_model(judge.config.models[0], judge.config, final=True)
    try:
        model.read()
        while model.source.more:
            model.read()
        now = time.time()
        snapshot = take_snapshot([model], reload_successful=True, reload_timestamp=now, now=now)
    finally:
        model.close()
    if snapshot.models[0].problem is not None:
        raise RuntimeError(snapshot.models[0].problem)
    (version,) = snapshot.models[0].versions
    (found,) = [own for own in version.windows if own.name == f"{case.hours}h"]
    return found
