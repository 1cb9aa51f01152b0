"""What text and embedding columns cost, and whether a reference's own rows are measured like new ones.

Run it: python benchmarks/derived.py. It prints the three tables of docs/statistics.md.

The first is records per CPU second, decoded, measured and counted. Records have a timestamp, a number and, by
row of the table, a text of 100 words or a vector of 384 numbers. CPU seconds of this process for one chunk,
the smallest of several rounds; the reference is built before.

The second compares windows of 1,000 new texts or vectors, drawn as the reference's were, to the reference:
the mean PSI, and the share of windows with confidence of at least 0.95. Once the reference's own rows are
measured by what was learned of all of them, once by what was learned without them.

The third is how often a shift is found: the share of windows in which any measure of the column has
confidence of at least 0.95, adjusted for the number of its measures, against a reference of 5,000 rows.
"""

import argparse
import json
import time
from collections.abc import Callable
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
from drift_exporter.judge.multiple import benjamini_hochberg
from drift_exporter.judge.scores import psi
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.deriving import WordLearner, stored
from drift_exporter.reference.model import Derivation, FloatArray, IntArray, NumericColumn, Vocabulary
from drift_exporter.reference.subspace import fit_subspace
from drift_exporter.sources.chunk import Chunk

WORDS, DIMENSION = 100, 384
VOCABULARY = 20_000
CONTENTS = ("a number", "and a text of 100 words", "and an embedding of 384 numbers")
ROUNDS = 5
REFERENCES, WINDOWS, WINDOW = 5, 4, 1_000
REFERENCE_SIZES = (300, 1_000, 10_000)
SHIFT_REFERENCE, SHIFT_WINDOWS, WINDOW_SIZES = 5_000, 50, (100, 300, 1_000)

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


def make_words() -> list[str]:
    """A language: its words, the most frequent first."""
    letters = np.random.default_rng(0).choice(list("etaoinshrdlucmfw"), (VOCABULARY, 12))
    sizes = np.random.default_rng(1).integers(2, 12, VOCABULARY)
    return ["".join(word[:size]) for word, size in zip(letters, sizes, strict=True)]


def make_texts(count: int, random: np.random.Generator) -> list[str]:
    """Texts of 100 words each, of 20,000 that are as frequent as Zipf's law has it."""
    return write_texts(np.full(count, WORDS), random)


def write_texts(
    sizes: IntArray, random: np.random.Generator, *, new: float = 0.0, foreign: float = 0.0
) -> list[str]:
    """Texts of so many words; the shares of words that are ``new``, and of texts that are ``foreign``."""
    words = make_words()
    after = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
    found = []
    for size, other in zip(sizes.tolist(), (random.random(len(sizes)) < foreign).tolist(), strict=True):
        chosen = np.searchsorted(after, random.uniform(0, after[-1], size)).tolist()
        odd = (random.random(size) < (1.0 if other else new)).tolist()
        text = [
            f"q{words[number][::-1]}" if one else words[number]
            for number, one in zip(chosen, odd, strict=True)
        ]
        found.append(" ".join(text).capitalize() + ".")
    return found


def make_vectors(count: int, random: np.random.Generator) -> FloatArray:
    """Vectors of 384 numbers around a centroid; their variance falls from one direction to the next."""
    vectors: FloatArray = random.normal(size=(count, DIMENSION)) * np.arange(1, DIMENSION + 1) ** -0.5 + 0.3
    return vectors


def _share(shift: str) -> float:
    """The first number of a shift's name, in percent."""
    return float(shift.partition(": ")[2].partition(" %")[0]) / 100


def shifted_texts(shift: str) -> Callable[[int, np.random.Generator], list[str]]:
    """What writes texts of 20 to 180 words, mostly, with a shift."""
    longer = 1.2 if "longer" in shift else 1.0
    foreign = _share(shift) if "language" in shift else 0.0
    new = 0.03 if "new" in shift else 0.0

    def make(count: int, random: np.random.Generator) -> list[str]:
        sizes = np.maximum(1, np.round(random.lognormal(np.log(60 * longer), 0.5, count))).astype(np.int64)
        return write_texts(sizes, random, new=new, foreign=foreign)

    return make


def shifted_vectors(shift: str) -> Callable[[int, np.random.Generator], FloatArray]:
    """What makes vectors with a shift."""

    def make(count: int, random: np.random.Generator) -> FloatArray:
        vectors = make_vectors(count, random)
        if "centroid" in shift:
            vectors[:, 99] += 0.5
        if "strange" in shift:
            odd = random.random(count) < _share(shift)
            vectors[odd] += 0.2 * random.choice([-1.0, 1.0], (int(odd.sum()), DIMENSION))
        if "turned" in shift:
            first, last = vectors[:, 0] - 0.3, vectors[:, 199] - 0.3
            vectors[:, 0], vectors[:, 199] = 0.3 + 0.9 * first - 0.44 * last, 0.3 + 0.44 * first + 0.9 * last
        return vectors

    return make


SHIFTS: dict[str, Callable[[str], Callable[[int, np.random.Generator], list[str] | FloatArray]]] = {
    "texts: none": shifted_texts,
    "texts: 20 % longer": shifted_texts,
    "texts: 5 % in another language": shifted_texts,
    "texts: 15 % in another language": shifted_texts,
    "texts: 3 % of the words new": shifted_texts,
    "vectors: none": shifted_vectors,
    "vectors: the centroid moved by a fifth of the vectors' spread": shifted_vectors,
    "vectors: 5 % strange ones": shifted_vectors,
    "vectors: 15 % strange ones": shifted_vectors,
    "vectors: the first direction turned by 26 degrees": shifted_vectors,
}


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


def measures(derivation: Derivation, values: list[str] | FloatArray) -> tuple[FloatArray, ...]:
    """All that is measured of each value, each (rows,)."""
    if isinstance(derivation, Vocabulary):
        sizes = np.array([len(value.encode()) for value in values], dtype=np.int64)
        content = "".join(f"{value}\n" for value in values).encode()
        return text_measures(derivation, content, sizes, sizes)
    lengths = np.full(len(values), DIMENSION, dtype=np.int64)
    given = np.ones(len(values), dtype=np.uint8)
    return embedding_measures(derivation, np.asarray(values).ravel(), lengths, given)[0]


def measure(derivation: Derivation, values: list[str] | FloatArray) -> FloatArray:
    """What unseen words, or the reconstruction error, are of each value (rows,)."""
    return measures(derivation, values)[1 if isinstance(derivation, Vocabulary) else 2]


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


def is_found(columns: list[NumericColumn], found: tuple[FloatArray, ...]) -> bool:
    """Whether any measure of a window has shifted."""
    statistics = []
    for column, values in zip(columns, found, strict=True):
        counts = np.bincount(np.searchsorted(column.edges, values), minlength=len(column.edges) + 1)
        statistics.append(drift_statistic(column.exported_counts, np.append(counts, 0), quantiles=True))
    p = p_values(statistics, [DEFAULT_TOLERANCE] * len(statistics))
    return bool((1 - benjamini_hochberg(p) >= DRIFTED_CONFIDENCE).any())


def print_shifts() -> None:
    """Print the third table."""
    print(f"| shift | {' | '.join(f'n = {size:,}' for size in WINDOW_SIZES)} |")
    print(f"|---|{'---:|' * len(WINDOW_SIZES)}")
    for shift, shifted in SHIFTS.items():
        random = np.random.default_rng(7)
        rows = shifted("none")(SHIFT_REFERENCE, random)
        derivation = learn(rows)
        columns = [numeric_column("m", "feature", values) for values in measures(derivation, rows)]
        cells = []
        for size in WINDOW_SIZES:
            windows = [
                measures(stored(derivation), shifted(shift)(size, random)) for _ in range(SHIFT_WINDOWS)
            ]
            cells.append(f"{100 * np.mean([is_found(columns, window) for window in windows]):.0f} %")
        print(f"| {shift} | {' | '.join(cells)} |")


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
    print()
    print_shifts()


if __name__ == "__main__":
    main()
