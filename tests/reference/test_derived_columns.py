"""Text and embedding columns the whole way: build, file, plan, once, and what is found in them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from drift_exporter.config import load_config
from drift_exporter.config.schema import Config
from drift_exporter.decode.measures import EMBEDDING_MEASURES, TEXT_MEASURES
from drift_exporter.errors import ConfigurationError, ReferenceFileError
from drift_exporter.once import run_once
from drift_exporter.planning import criteria_of, make_plan
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.document import fingerprint
from drift_exporter.reference.learning import KeptChunks, lay_bins
from drift_exporter.reference.model import NumericColumn, Reference, Subspace, Vocabulary
from drift_exporter.reference.show import show_reference
from drift_exporter.reference.store import load_reference, save_reference
from drift_exporter.setting_up import make_model
from drift_exporter.sources.chunk import Chunk
from support.logs import make_config, write_log
from support.records import Setup, ndjson
from support.states import run
from support.texts import ENGLISH, GERMAN, MEDICAL, measures_of_text, measures_of_vector, write_texts

TEXT_COLUMNS = [f"prompt.{measure}" for measure in TEXT_MEASURES]
VECTOR_COLUMNS = [f"vector.{measure}" for measure in EMBEDDING_MEASURES]
TYPES = {"prompt": {"type": "text"}, "vector": {"type": "embedding"}}
FIELDS = {"timestamp": "ts", "features": "features.*"}
DIMENSION = 24


def make_vectors(count: int, seed: int, move: float = 0.0, turn: float = 0.0) -> np.ndarray:
    """Vectors of five directions and noise; moved along another one, or the directions turned into it."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(DIMENSION, DIMENSION)))[0]
    first = axes[:5].copy()
    first[0] = np.cos(turn) * axes[0] + np.sin(turn) * axes[6]
    along = random.normal(size=(count, 5)) * np.array([1.0, 0.8, 0.6, 0.5, 0.4])
    noise = 0.05 * random.normal(size=(count, DIMENSION))
    moved: np.ndarray = 1.5 * axes[7] + along @ first + noise + move * axes[8]
    return moved


def make_rows(
    texts: Sequence[str | None], vectors: np.ndarray, start: int = 1767323045
) -> list[dict[str, Any]]:
    return [
        {
            "ts": start + i,
            "features": {"amount": i % 10, "prompt": text, "vector": [round(float(x), 6) for x in vector]},
        }
        for i, (text, vector) in enumerate(zip(texts, vectors, strict=True))
    ]


def usual_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    return make_rows(write_texts(count, seed=seed), make_vectors(count, seed))


def build(config: Config, log: Path, **options: Any) -> Reference:  # noqa: ANN401
    output = log.parent / "loans.json"
    return build_reference(config, "loans", [log], output=output, clock=lambda: 0.0, **options)


def test_columns_of_a_built_reference(tmp_path: Path) -> None:
    rows = usual_rows(300)
    rows[5]["features"]["prompt"] = None
    rows[7]["features"]["vector"] = [1.0]
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    reference = build(config, write_log(rows, tmp_path / "log.ndjson"))

    assert ["amount", *TEXT_COLUMNS, *VECTOR_COLUMNS] == [column.name for column in reference.columns]
    assert {"feature"} == {column.kind for column in reference.columns}
    words, subspace = reference.derivations
    assert isinstance(words, Vocabulary)
    assert isinstance(subspace, Subspace)
    assert (frozenset(), ()) == (words.rare, subspace.folds)
    assert {word.lower() for word in ENGLISH} >= set(words.words)
    assert (DIMENSION,) == subspace.centroid.shape
    by_name = {column.name: column for column in reference.columns}
    length = by_name["prompt.length"]
    assert isinstance(length, NumericColumn)
    assert 1 == length.missing == by_name["vector.norm"].missing
    assert length.mean == pytest.approx(
        np.mean([len(row["features"]["prompt"] or "") for row in rows]) * 300 / 299
    )
    assert any("1 of 300 values are no vectors of 24 finite numbers" in note for note in reference.notes)
    with duckdb.connect() as connection:
        sampled = connection.read_parquet(str(tmp_path / "loans.sample.parquet"))
        assert [c.name for c in reference.columns] == [
            name for name in sampled.columns if name != "timestamp"
        ]


@pytest.mark.parametrize("name", ["log.ndjson", "log.csv", "log.parquet"])
def test_the_file_gives_back_what_was_built(tmp_path: Path, name: str) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    reference = build(config, write_log(usual_rows(200), tmp_path / name))
    loaded = load_reference(tmp_path / "loans.json")
    assert reference.fingerprint == loaded.fingerprint
    assert [d.digest for d in reference.derivations] == [d.digest for d in loaded.derivations]
    again = tmp_path / "again.json"
    save_reference(loaded, again)
    assert (tmp_path / "loans.json").read_bytes() == again.read_bytes()


def test_formats_give_the_same_reference(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    rows = usual_rows(200)
    prints = {
        build(config, write_log(rows, tmp_path / name)).fingerprint
        for name in ("log.ndjson", "log.csv", "log.parquet")
    }
    assert 1 == len(prints)


def test_bins_that_are_laid_while_serving_are_those_of_a_build(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    log = write_log(usual_rows(200), tmp_path / "log.ndjson")
    data = log.read_bytes()
    laid = lay_bins(config, config.models[0], KeptChunks([Chunk("log", "ndjson", 0, data, size=len(data))]))
    assert laid is not None
    reference = build(config, log)
    assert (reference.fingerprint, len(reference.derivations)) == (laid.fingerprint, len(laid.derivations))
    counts = [[c.counts.tolist() for c in one.columns] for one in (reference, laid)]
    assert counts[0] == counts[1]


def test_a_reference_without_such_columns_says_nothing_of_them(tmp_path: Path) -> None:
    rows = [{"ts": row["ts"], "features": {"amount": i}} for i, row in enumerate(usual_rows(60))]
    reference = build(make_config(tmp_path, fields=FIELDS), write_log(rows, tmp_path / "log.ndjson"))
    assert "derived" not in json.loads((tmp_path / "loans.json").read_text())
    assert fingerprint(reference.columns) == reference.fingerprint


def test_the_fingerprint_holds_what_was_learned(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    reference = build(config, write_log(usual_rows(100), tmp_path / "log.ndjson"))
    words, subspace = reference.derivations
    assert isinstance(words, Vocabulary)
    assert isinstance(subspace, Subspace)
    others = [
        (replace(words, words=words.words[1:]), subspace),
        (words, replace(subspace, centroid=subspace.centroid + 1e-6)),
        (words, replace(subspace, components=subspace.components[:-1])),
    ]
    prints = {fingerprint(reference.columns, derivations) for derivations in [reference.derivations, *others]}
    assert 4 == len(prints)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"words": ["a", 5]}, "a word of column 'prompt' is 5"),
        ({"type": "sound"}, "is of type 'sound'"),
        ({"type": "embedding", "centroid": [], "components": []}, "no vectors of finite numbers"),
        ({"type": "embedding", "centroid": ["nan"], "components": []}, "no vectors of finite numbers"),
        ({"type": "embedding", "centroid": [1.0, 2.0], "components": [[1.0], [2.0]]}, "another dimension"),
        ({"words": ["a"]}, "do not match the fingerprint"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: Mapping[str, Any], said: str) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns={"prompt": {"type": "text"}})
    rows = [{**row, "features": {"prompt": row["features"]["prompt"]}} for row in usual_rows(60)]
    build(config, write_log(rows, tmp_path / "log.ndjson"))
    file = tmp_path / "loans.json"
    document = json.loads(file.read_text())
    document["derived"][0] |= change
    file.write_text(json.dumps(document))
    with pytest.raises(ReferenceFileError, match="damaged") as raised:
        load_reference(file)
    assert said in str(raised.value)


def test_counts_over_more_rows_than_bins_are_chosen_from(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    log = write_log(usual_rows(400), tmp_path / "log.ndjson")
    whole = build(config, log)
    sampled = build(config, log, row_limit=150)
    assert {400} == {int(column.counts.sum()) for column in sampled.columns}
    means = [[c.mean for c in one.columns if isinstance(c, NumericColumn)] for one in (whole, sampled)]
    np.testing.assert_allclose(means[0], means[1], rtol=1e-9)


@pytest.mark.parametrize(
    ("columns", "values", "said"),
    [
        ({"x": {"type": "embedding"}}, ["a", "b"], "column 'x' cannot be measured"),
        ({"x": {"type": "embedding"}}, [[1.0, 2.0], [1.0], [2.0, 1.0, 1.0]], "1 of 2 numbers"),
        ({"x": {"type": "text"}}, [None, None], "has no value in all 2 rows"),
    ],
)
def test_what_cannot_be_measured_is_an_error(
    tmp_path: Path, columns: Mapping[str, Any], values: list[Any], said: str
) -> None:
    config = make_config(tmp_path, fields={"features": "features.*"}, columns=columns)
    rows = [{"features": {"n": i, "x": value}} for i, value in enumerate(values)]
    with pytest.raises(ReferenceFileError, match="column 'x'") as raised:
        build(config, write_log(rows, tmp_path / "log.ndjson"))
    assert said in str(raised.value)


def test_a_feature_that_is_called_like_a_measure(tmp_path: Path) -> None:
    config = make_config(
        tmp_path, fields={"features": {"p": "p", "p.length": "n"}}, columns={"p": {"type": "text"}}
    )
    log = write_log([{"p": "a b", "n": 1}, {"p": "b", "n": 2}], tmp_path / "log.ndjson")
    with pytest.raises(ReferenceFileError, match=r"'p\.length' is there twice"):
        build(config, log)


def test_an_answer_may_be_a_text(tmp_path: Path) -> None:
    config = make_config(
        tmp_path,
        task="regression",
        fields={"prediction": "answer", "label": "label"},
        columns={"prediction": {"type": "text"}},
    )
    rows = [{"answer": text, "label": i} for i, text in enumerate(write_texts(60))]
    reference = build(config, write_log(rows, tmp_path / "log.ndjson"))
    assert ["label", *(f"prediction.{measure}" for measure in TEXT_MEASURES)] == [
        column.name for column in reference.columns
    ]
    assert {"label", "prediction"} == {column.kind for column in reference.columns}
    assert {} == reference.performance


def test_a_feature_may_be_called_like_an_answer_that_is_a_text(tmp_path: Path) -> None:
    fields = {"prediction": "answer", "features": {"prediction": "features.draft"}}
    config = make_config(tmp_path, fields=fields, columns={"prediction": {"type": "text"}})
    texts = zip(write_texts(60), write_texts(60, GERMAN), strict=True)
    rows = [{"answer": answer, "features": {"draft": draft}} for answer, draft in texts]
    reference = build(config, write_log(rows, tmp_path / "log.ndjson"))
    assert {"feature": 7, "prediction": 7} == Counter(column.kind for column in reference.columns)
    answers, drafts = reference.derivations
    assert isinstance(answers, Vocabulary)
    assert isinstance(drafts, Vocabulary)
    assert ("the", "der") == (answers.words[0], drafts.words[0])


def test_show_tells_what_was_learned(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    reference = build(config, write_log(usual_rows(100), tmp_path / "log.ndjson"))
    shown = show_reference(reference)
    words, subspace = reference.derivations
    assert isinstance(words, Vocabulary)
    assert isinstance(subspace, Subspace)
    assert f"text         prompt: {len(words.words)} words are known\n" in shown
    assert f"embedding    vector: 24 dimensions, {len(subspace.components)} principal components\n" in shown
    assert "prompt.unseen_w" in shown


def test_the_type_has_to_be_that_of_the_reference(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    reference = build(config, write_log(usual_rows(100), tmp_path / "log.ndjson"))
    found = make_plan(config.models[0], [reference])
    assert [("features", "prompt"), ("features", "vector")] == [leaf.path for leaf in found.derived]
    untyped = make_config(tmp_path, fields=FIELDS).models[0]
    assert found.derived == make_plan(untyped, [reference]).derived
    other = make_config(tmp_path, fields=FIELDS, columns={"prompt": {"type": "categorical"}}).models[0]
    with pytest.raises(ConfigurationError, match="'prompt' is text in the reference and categorical in"):
        make_plan(other, [reference])


def test_a_column_shares_its_tolerance_with_what_is_measured_of_it(tmp_path: Path) -> None:
    columns = {"prompt": {"type": "text", "tolerance": 0.2}, "prompt.length": {"tolerance": 0.4}}
    config = make_config(tmp_path, fields={"features": {"prompt": "prompt"}}, columns=columns)
    tolerances = criteria_of(config.models[0]).tolerances
    assert (0.4, 0.2) == (tolerances["prompt.length"], tolerances["prompt.unseen_words"])


def test_each_version_is_measured_by_its_own_reference(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FIELDS, columns=TYPES)
    for version, words in (("1", ENGLISH), ("2", GERMAN)):
        folder = tmp_path / version
        folder.mkdir()
        build(
            config, write_log(make_rows(write_texts(200, words), make_vectors(200, 1)), folder / "log.ndjson")
        )
    rows = [
        {**row, "version": version}
        for version, words in (("1", ENGLISH), ("2", GERMAN))
        for row in make_rows(write_texts(100, words, seed=5), make_vectors(100, 2))
    ]
    live = write_log(rows, tmp_path / "live.ndjson")
    path = tmp_path / "versions.yml"
    model = {
        "name": "loans",
        "task": "binary",
        "reference": {version: f"{version}/loans.json" for version in ("1", "2")},
        "predictions": {
            "source": {"type": "file", "path": str(live)},
            "fields": {**FIELDS, "version": "version"},
        },
    }
    path.write_text(json.dumps({"state_dir": "state", "models": [model]}))
    shares = drift(path, "psi")
    assert max(shares["1", "prompt.unseen_words"], shares["2", "prompt.unseen_words"]) < 0.5


def drift(config: Path, method: str | None = None) -> dict[tuple[str, str], float]:
    """Confidence, or a score, of each version and column in the 24 hours before the last record."""
    text, problems = run_once(config)
    assert [] == problems
    name = "model_drift_confidence" if method is None else "model_drift_score"
    return {
        (sample.labels["version"], sample.labels["column"]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name
        and sample.labels["window"] == "24h"
        and sample.labels.get("method", method) == method
    }


REFERENCE_ROWS = 2000
SHIFTS: Mapping[str, tuple[Mapping[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "language": ({"words": GERMAN}, {"prompt.unseen_words", "prompt.upper_case"}),
    "topic": ({"words": MEDICAL}, {"prompt.unseen_words"}),
    "length": ({"length": 55}, {"prompt.length"}),
    "centroid": ({"move": 0.6}, {"vector.cosine_distance", "vector.reconstruction_error"}),
    "rotation": ({"turn": 0.5}, {"vector.reconstruction_error"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shifts")
    config = make_config(made, fields=FIELDS, columns=TYPES, path="live/*.ndjson")
    build(config, write_log(usual_rows(REFERENCE_ROWS), made / "log.ndjson"))
    (made / "live").mkdir()
    return made


@pytest.mark.parametrize("shift", SHIFTS)
def test_what_shifts_is_found_and_nothing_else(folder: Path, shift: str) -> None:
    options, expected = SHIFTS[shift]
    texts = {key: value for key, value in options.items() if key in {"words", "length"}}
    vectors = {key: value for key, value in options.items() if key in {"move", "turn"}}
    rows = make_rows(write_texts(1000, seed=9, **texts), make_vectors(1000, 9, **vectors))
    log = write_log(rows, folder / "live" / f"{shift}.ndjson")
    try:
        confidence = drift(folder / "config.yml")
    finally:
        log.unlink()
    found = {column for (_, column), value in confidence.items() if value > 0.99}
    kind = "prompt" if texts else "vector" if vectors else "none"
    assert expected <= found
    assert set() == {column for column in found if not column.startswith(kind)}
    assert len(confidence) >= 9


def test_counts_go_on_after_a_reload(folder: Path) -> None:
    log = write_log(usual_rows(200, seed=4), folder / "live" / "state.ndjson")
    config = load_config(folder / "config.yml")
    old, new = (make_model(config.models[0], config, clock=lambda: 1767323445.0) for _ in range(2))
    old.read()
    new.ingest.adopt(old.ingest)
    assert 200 * 11 == int(new.ingest.totals["unversioned"].columns.sum())
    old.close()
    new.close()
    log.unlink()


def test_counts_go_on_after_a_restart_while_the_words_are_the_same(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    built = load_reference(folder / "loans.json")
    setup = Setup(tmp_path, references=built, fields=FIELDS, columns=TYPES)
    log = setup.logs / "a.ndjson"
    now = 1767323445.0
    for rows in (100, 150):
        log.write_bytes(ndjson(*usual_rows(200, seed=4)[:rows]))
        model = run(setup, now)
        assert rows * 11 == int(model.ingest.totals["unversioned"].columns.sum())
    words, subspace = built.derivations
    assert isinstance(words, Vocabulary)
    others = (replace(words, words=words.words[1:]), subspace)
    changed = replace(built, derivations=others, fingerprint=fingerprint(built.columns, others))
    save_reference(changed, tmp_path / "reference.json")
    model = run(setup, now)
    assert 0 == int(model.ingest.totals["unversioned"].columns.sum())
    assert "has other bins than before" in caplog.text


def test_what_is_counted_is_what_python_measures(folder: Path) -> None:
    rows = usual_rows(200, seed=6)
    log = write_log(rows, folder / "live" / "exact.ndjson")
    config = load_config(folder / "config.yml")
    model = make_model(config.models[0], config, final=True, clock=lambda: 1767323445.0)
    model.read()
    layout = model.ingest.layout("unversioned")
    assert layout is not None
    words, subspace = layout.reference.derivations
    assert isinstance(words, Vocabulary)
    assert isinstance(subspace, Subspace)
    expected = np.array(
        [
            [
                *measures_of_text(row["features"]["prompt"], words.words),
                *measures_of_vector(row["features"]["vector"], subspace.centroid, subspace.components),
            ]
            for row in rows
        ]
    ).T
    names = [*TEXT_COLUMNS, *VECTOR_COLUMNS]
    totals = model.ingest.totals["unversioned"].columns
    for slot in layout.numeric:
        if slot.column.name in names:
            values = expected[names.index(slot.column.name)]
            counts = np.bincount(
                np.searchsorted(slot.column.edges, values), minlength=len(slot.column.bins) - 1
            )
            own = slot.column.export(totals[slot.start : slot.start + slot.column.size])[:-1]
            # A value beside an edge may differ in its last digit.
            assert np.abs(counts - own).sum() <= 2
    model.close()
    log.unlink()
