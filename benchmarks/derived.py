"""What text and embedding columns cost, and whether a reference's own rows are measured like new ones.

Run it: python benchmarks/derived.py. It prints the two tables of docs/statistics.md.

The first is records per CPU second, decoded, measured and counted. Records have a timestamp, a number and, by
row of the table, a text of 100 words or a vector of 384 numbers. CPU seconds of this process for one chunk,
the smallest of several rounds; the reference is built before.

The second compares windows of 1,000 new texts or vectors, drawn as the reference's were, to the reference:
the mean PSI, and the share of windows with confidence of at least 0.95. Once the reference's own rows are
measured by what was learned of all of them, once by what was learned without them.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np

from drift_exporter.config import load_config
from drift_exporter.config.schema import Config
from drift_exporter.decode.texts import text_measures
from drift_exporter.decode.vectors import embedding_measures
from drift_exporter.ingest import ModelIngest
from drift_exporter.judge.confidence import drift_statistic, p_values
from drift_exporter.judge.evaluate import DEFAULT_TOLERANCE, DRIFTED_CONFIDENCE
from drift_exporter.judge.scores import psi
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.learning import WordLearner, stored
from drift_exporter.reference.model import Derivation, FloatArray, Vocabulary
from drift_exporter.reference.subspace import fit_subspace
from drift_exporter.sources.chunk import Chunk

WORDS, DIMENSION = 100, 384
VOCABULARY = 20_000
CONTENTS = ("a number", "and a text of 100 words", "and an embedding of 384 numbers")
ROUNDS = 5
REFERENCES, WINDOWS, WINDOW = 5, 4, 1_000
REFERENCE_SIZES = (300, 1_000, 10_000)

Row = dict[str, object]


def make_rows(count: int, content: str, seed: int) -> list[Row]:
    """Records of one kind."""
    random = np.random.default_rng(seed)
    rows: list[Row] = [{"ts": 1767323045 + i, "amount": float(random.normal())} for i in range(count)]
    if "text" in content:
        for row, text in zip(rows, make_texts(count, random), strict=True):
            row["prompt"] = text
    if "embedding" in content:
        for row in rows:
            row["vector"] = [round(x, 6) for x in random.normal(size=DIMENSION).tolist()]
    return rows


def make_texts(count: int, random: np.random.Generator) -> list[str]:
    """Texts of 100 words each, of 20,000 that are as frequent as Zipf's law has it."""
    letters = np.random.default_rng(0).choice(list("etaoinshrdlucmfw"), (VOCABULARY, 12))
    sizes = np.random.default_rng(1).integers(2, 12, VOCABULARY)
    words = ["".join(word[:size]) for word, size in zip(letters, sizes, strict=True)]
    after = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
    chosen = np.searchsorted(after, random.uniform(0, after[-1], (count, WORDS))).tolist()
    return [" ".join(words[number] for number in row).capitalize() + "." for row in chosen]


def make_vectors(count: int, random: np.random.Generator) -> FloatArray:
    """Vectors of 384 numbers around a centroid; their variance falls from one direction to the next."""
    vectors: FloatArray = random.normal(size=(count, DIMENSION)) * np.arange(1, DIMENSION + 1) ** -0.5 + 0.3
    return vectors


def write(rows: list[Row], folder: Path, name: str) -> Path:
    """Write rows as NDJSON, or as Parquet of the same."""
    log = folder / "rows.ndjson"
    log.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    if name.endswith(".parquet"):
        with duckdb.connect() as connection:
            connection.read_json(str(log)).write_parquet(str(folder / name))
        return folder / name
    return log.rename(folder / name)


def configure(folder: Path, path: Path) -> Config:
    """A configuration of one model that reads a log."""
    features = {"amount": "amount", "prompt": "prompt", "vector": "vector"}
    model = {
        "name": "bench",
        "task": "binary",
        "predictions": {
            "source": {"type": "file", "path": str(path)},
            "fields": {"timestamp": "ts", "features": features},
        },
        "columns": {"prompt": {"type": "text"}, "vector": {"type": "embedding"}},
    }
    rows = path.with_name("reference.ndjson").read_text().partition("\n")[0]
    for name in ("prompt", "vector"):
        if name not in json.loads(rows):
            del model["columns"][name], features[name]
    file = folder / "config.yml"
    file.write_text(json.dumps({"state_dir": str(folder / "state"), "models": [model]}))
    return load_config(file)


def seconds(config: Config, folder: Path, log: Path, rows: int) -> float:
    """CPU seconds for all records of a log, as one chunk."""
    reference = build_reference(
        config, "bench", [folder / "reference.ndjson"], output=folder / "reference.json"
    )
    if log.suffix == ".parquet":
        chunk = Chunk(str(log), "parquet", 0, b"", rows=rows)
    else:
        data = log.read_bytes()
        chunk = Chunk(str(log), "ndjson", 0, data, size=len(data))
    found = []
    for _ in range(ROUNDS):
        ingest = ModelIngest(config.models[0], config, {None: reference})
        ingest.ingest(chunk, lambda _: None)
        # The first time makes tables and plans.
        start = time.process_time()
        ingest.ingest(chunk, lambda _: None)
        found.append(time.process_time() - start)
        ingest.close()
    return min(found)


def measure(derivation: Derivation, values: list[str] | FloatArray) -> FloatArray:
    """What unseen words, or the reconstruction error, are of each value (rows,)."""
    if isinstance(derivation, Vocabulary):
        sizes = np.array([len(value.encode()) for value in values], dtype=np.int64)
        content = "".join(f"{value}\n" for value in values).encode()
        return text_measures(derivation, content, sizes, sizes)[1]
    lengths = np.full(len(values), DIMENSION, dtype=np.int64)
    given = np.ones(len(values), dtype=np.uint8)
    return embedding_measures(derivation, np.asarray(values).ravel(), lengths, given)[0][2]


def learn(values: list[str] | FloatArray) -> Derivation:
    """By what values are measured."""
    if isinstance(values, np.ndarray):
        return fit_subspace("vector", "feature", values)
    learner = WordLearner()
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE records AS SELECT unnest($1) AS v0, unnest($2) AS r",
            [values, [*range(len(values))]],
        )
        learner.add(connection, "v0")
    derivation, _ = learner.learned("prompt", "feature")
    assert derivation is not None  # noqa: S101 - there are texts
    return derivation


def compare(own: FloatArray, windows: list[FloatArray]) -> tuple[float, float]:
    """Mean PSI of windows against a reference, and the share of them that alarms."""
    column = numeric_column("measure", "feature", own)
    scores, statistics = [], []
    for values in windows:
        counts = np.bincount(np.searchsorted(column.edges, values), minlength=len(column.edges) + 1)
        current = np.append(counts, 0)
        scores.append(psi(column.exported_counts, current))
        statistics.append(drift_statistic(column.exported_counts, current, quantiles=True))
    confidence = 1 - p_values(statistics, [DEFAULT_TOLERANCE] * len(statistics))
    return float(np.mean(scores)), float(np.mean(confidence >= DRIFTED_CONFIDENCE))


def print_bias() -> None:
    """Print the second table."""
    print("| measure | reference | PSI, by all rows | alarms | PSI, by the others | alarms |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, make in (("unseen words", make_texts), ("reconstruction error", make_vectors)):
        for size in REFERENCE_SIZES:
            cells = []
            for seed in range(REFERENCES):
                random = np.random.default_rng(seed)
                rows = make(size, random)
                held_out = learn(rows)
                whole = stored(held_out)
                windows = [measure(whole, make(WINDOW, random)) for _ in range(WINDOWS)]
                cells.append(
                    [*compare(measure(whole, rows), windows), *compare(measure(held_out, rows), windows)]
                )
            first, alarms, second, others = np.mean(cells, axis=0)
            by_all, by_others = f"{first:.3f} | {100 * alarms:.0f} %", f"{second:.3f} | {100 * others:.0f} %"
            print(f"| {name} | {size:,} | {by_all} | {by_others} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000, help="records of a chunk")
    count = parser.parse_args().records
    print("| records with | NDJSON | Parquet |\n|---|---:|---:|")
    for content in CONTENTS:
        cells = []
        for name in ("log.ndjson", "log.parquet"):
            with TemporaryDirectory() as made:
                folder = Path(made)
                write(make_rows(2_000, content, 1), folder, "reference.ndjson")
                log = write(make_rows(count, content, 2), folder, name)
                rate = count / seconds(configure(folder, log), folder, log, count)
                cells.append(f"{float(f'{rate:.2g}'):,.0f}")
        print(f"| {content} | {' | '.join(cells)} |")
    print()
    print_bias()


if __name__ == "__main__":
    main()
