"""What streams are read from: labels and predictions as logs spell them, in every format."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from drift_exporter.decode.formats import make_decoder
from drift_exporter.decode.plan import UNKNOWN, Plan, Truth
from drift_exporter.errors import ConfigurationError, DriftExporterError
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Kind, Reference
from drift_exporter.runtime import ModelRuntime
from drift_exporter.sources.chunk import Chunk
from support.records import Setup, ndjson, record, reference

# Prediction, label, whether that is wrong, whether the label is positive.
PAIRS: list[tuple[Any, Any, int, int]] = [
    ("yes", "yes", 0, 1),
    ("no", "yes", 1, 1),
    ("Yes", "yes", 1, 1),
    (1, 1.0, 0, 0),
    (True, 1, 0, 0),
    (0, False, 0, 0),
    (12, 120, 1, 0),
    ("1.0.0", "1.0", 1, 0),
    ("yes", None, UNKNOWN, UNKNOWN),
    (None, "yes", UNKNOWN, 1),
    ("yes", "", UNKNOWN, UNKNOWN),
    (None, None, UNKNOWN, UNKNOWN),
]
TRUTH = Truth(("truth", "label"), ("answer",), positive=("yes",))


def text(value: object) -> str:
    return "" if value is None else str(value)


def chunk_of(kind: str, folder: Path) -> Chunk:
    if kind == "parquet":
        path = folder / "a.parquet"
        rows = ", ".join(
            f"({n}, '{text(answer)}', nullif('{text(label)}', ''))"
            for n, (answer, label, *_) in enumerate(PAIRS)
        )
        duckdb.execute(
            f"COPY (SELECT nullif(answer, '') AS answer, {{'label': label}} AS truth FROM "
            f"(VALUES {rows}) AS t(n, answer, label) ORDER BY n) TO '{path}'"
        )
        return Chunk(str(path), "parquet", 0, rows=len(PAIRS), size=len(PAIRS))
    if kind == "ndjson":
        data = ndjson(*({"answer": answer, "truth": {"label": label}, "n": 1} for answer, label, *_ in PAIRS))
        return Chunk("a", kind, 0, data, size=len(data))
    if kind == "csv":
        data = "".join(f"x,{text(answer)},{text(label)}\n" for answer, label, *_ in PAIRS).encode()
        return Chunk("a", kind, 0, data, header=b"n,answer,truth.label\n", size=len(data))
    if kind == "logfmt":
        data = "".join(
            f"n=1 answer={json.dumps(text(answer))} truth.label={text(label)}\n"
            for answer, label, *_ in PAIRS
        ).encode()
        return Chunk("a", kind, 0, data, size=len(data))
    data = "".join(f"{text(answer)}|{text(label)}|\n" for answer, label, *_ in PAIRS).encode()
    return Chunk("a", kind, 0, data, size=len(data))


@pytest.mark.parametrize("kind", ["ndjson", "csv", "parquet", "logfmt", "text"])
def test_wrong_and_positive_in_every_format(kind: str, tmp_path: Path) -> None:
    decoder = make_decoder(
        kind, Plan(truth=TRUTH), 1 << 20, pattern=r"^(?P<answer>.*)\|(?P<truth_label>.*)\|$"
    )
    records = decoder.decode(chunk_of(kind, tmp_path))
    decoder.close()

    assert records.wrong is not None
    assert records.positive is not None
    assert len(PAIRS) == records.rows
    assert [pair[2] for pair in PAIRS] == records.wrong.tolist()
    assert [pair[3] for pair in PAIRS] == records.positive.tolist()


def test_a_bad_line_takes_its_label_with_it() -> None:
    decoder = make_decoder("ndjson", Plan(truth=TRUTH), 1 << 20)
    lines = [
        b'{"answer": "a", "truth": {"label": "b"}}',
        b'{"answer": "a", "truth"',
        b'{"answer": [1]}',
        b'{"answer": "yes", "truth": {"label": "yes"}}',
        b'{"truth": {"label": {}}}\n',
    ]
    data = b"\n".join(lines)
    records = decoder.decode(Chunk("a", "ndjson", 0, data, size=len(data)))
    decoder.close()

    assert 1 == len(records.rejections)
    assert records.wrong is not None
    assert records.positive is not None
    assert [1, UNKNOWN, 0, UNKNOWN] == records.wrong.tolist()
    assert [0, UNKNOWN, 1, UNKNOWN] == records.positive.tolist()
    chosen = records.choose(np.array([False, True, True, False]))
    assert chosen.wrong is not None
    assert [UNKNOWN, 0] == chosen.wrong.tolist()


FIELDS = {"timestamp": "ts", "prediction": "prediction", "score": "score", "label": "label", "error": "error"}


def watched(
    folder: Path,
    records: list[dict[str, Any]],
    task: str,
    references: Reference | None,
    **section: Any,  # noqa: ANN401
) -> dict[str, tuple[int, float | None]]:
    """Values and mean of each stream, by ADWIN, which knows the mean of all of them."""
    runtime = model(folder, task, references, **section)
    (folder / "logs" / "a.ndjson").write_bytes(ndjson(*records))
    runtime.read()
    streams = runtime.evaluate()[0].versions[0].streams
    runtime.close()
    return {one.stream: (one.values, one.mean) for one in streams}


def model(folder: Path, task: str, references: Reference | None, **section: Any) -> ModelRuntime:  # noqa: ANN401
    return Setup(folder, task=task, fields=FIELDS, references=references, concept_drift=section).model()


def streams_of(*names: str) -> list[dict[str, object]]:
    return [{"stream": name, "detector": "adwin"} for name in names]


def with_error(known: Reference) -> Reference:
    return replace(known, performance={"mean_absolute_error": 4.0})


def rows(*fields: tuple[Any, Any, Any]) -> list[dict[str, Any]]:
    return [record(prediction=p, label=label, score=score) for p, label, score in fields]


def test_streams_of_a_classification(tmp_path: Path) -> None:
    records = rows(("yes", "yes", 0.25), ("no", "yes", 0.75), ("no", "no", None), ("no", None, 0.5))
    records[0]["error"] = "out of memory"

    streams = streams_of("error", "wrong", "outcome", "score")
    found = watched(tmp_path, records, "binary", None, streams=streams)

    assert {"error": (4, 0.25), "wrong": (3, 1 / 3), "outcome": (3, 2 / 3), "score": (3, 0.5)} == found


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, 2 / 3),  # yes says yes
        ({"positive": "no"}, 1 / 3),
    ],
)
def test_the_positive_label_is_configured_or_says_so(
    tmp_path: Path, section: dict[str, object], expected: float
) -> None:
    records = rows(("yes", "yes", 1), ("no", "yes", 1), ("no", "no", 1))
    found = watched(tmp_path, records, "binary", None, streams=streams_of("outcome"), **section)
    assert (3, expected) == found["outcome"]


def test_the_positive_label_is_that_of_the_reference(tmp_path: Path) -> None:
    known = reference(
        categorical_column("prediction", "prediction", {"good": 9, "spam": 1}, 0, 9),
        categorical_column("label", "label", {"good": 9, "spam": 1}, 0, 9),
    )
    records = rows(("spam", "spam", 0.9), ("good", "good", 0.9), ("good", "spam", 0.1), ("good", "good", 0.1))

    by_answer = watched(tmp_path, records, "binary", known, streams=streams_of("outcome", "wrong"))

    assert {"outcome": (4, 0.5), "wrong": (4, 0.25)} == by_answer


def test_the_score_is_compared_at_the_cutoff(tmp_path: Path) -> None:
    records = rows(("no", "yes", 0.8), ("no", "no", 0.7), ("no", "no", 0.6), ("no", "no", None))
    stream = {"stream": "wrong", "detector": "adwin", "cutoff": 0.7}
    assert (3, 1 / 3) == watched(tmp_path, records, "binary", None, streams=[stream])["wrong"]


def test_labels_that_are_numbers_in_the_reference(tmp_path: Path) -> None:
    known = reference(
        numeric_column("prediction", "prediction", np.arange(100.0)),
        numeric_column("label", "label", np.arange(100.0)),
    )
    records = rows((1, 1, 0.5), (0, 1, 0.5), (2, 2, 0.5), (None, 0, 0.5))

    found = watched(tmp_path, records, "binary", known, streams=streams_of("outcome", "wrong"))

    assert {"outcome": (4, 0.5), "wrong": (3, 1 / 3)} == found


def test_the_error_of_a_regression_is_in_the_labels_unit(tmp_path: Path) -> None:
    known = with_error(reference(numeric_column("label", "label", np.arange(100.0))))
    # The last is beyond ten times the reference's error.
    records = rows((10, 12, 1), (10, 4, 1), (10, None, 1), ("x", 10, 1), (0, 1000, 1))

    found = watched(tmp_path, records, "regression", known, streams=streams_of("wrong"))

    assert (3, pytest.approx(16.0)) == found["wrong"]


def test_scores_are_between_those_of_the_reference(tmp_path: Path) -> None:
    known = reference(numeric_column("score", "score", np.array([-4.0, 0.0, 12.0])))
    records = rows(("yes", "yes", -6), ("yes", "yes", 4), ("yes", "yes", 8))

    found = watched(tmp_path, records, "binary", known, streams=streams_of("score"))

    assert (3, pytest.approx(8 / 3)) == found["score"]


def test_a_regression_needs_the_error_of_the_reference(tmp_path: Path) -> None:
    known = reference(numeric_column("label", "label", np.arange(100.0)))
    with pytest.raises(DriftExporterError, match="mean absolute error, which this reference does not have"):
        model(tmp_path, "regression", known, streams=streams_of("wrong"))


@pytest.mark.parametrize(
    ("task", "column", "stream"),
    [
        ("regression", "label", {"stream": "wrong"}),
        ("binary", "score", {"stream": "score"}),
        ("binary", "score", {"stream": "wrong", "cutoff": 0.5}),
    ],
)
def test_what_has_to_be_a_number(tmp_path: Path, task: str, column: Kind, stream: dict[str, object]) -> None:
    known = with_error(reference(categorical_column(column, column, {"1": 2, "2": 1}, 0, 9)))
    with pytest.raises(ConfigurationError, match=f"needs a number, and the {column} is categorical"):
        model(tmp_path, task, known, streams=[{"detector": "adwin", **stream}])


def test_a_positive_label_that_is_no_number(tmp_path: Path) -> None:
    known = reference(numeric_column("label", "label", np.arange(100.0)))
    with pytest.raises(ConfigurationError, match="is 'spam', and the labels are numbers"):
        model(tmp_path, "binary", known, streams=streams_of("outcome"), positive="spam")
