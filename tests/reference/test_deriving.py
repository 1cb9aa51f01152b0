"""What is learned of texts and vectors, and that the reference's own rows look like new ones."""

from collections import Counter
from collections.abc import Iterator

import duckdb
import numpy as np
import pytest
from scipy import stats

from drift_exporter.decode.vectors import FOLDS, embedding_measures, fold_of
from drift_exporter.reference import deriving
from drift_exporter.reference.deriving import VectorLearner, WordLearner
from drift_exporter.reference.model import FloatArray, Subspace, Vocabulary
from drift_exporter.reference.subspace import fit_subspace, principal_axes
from support.texts import ENGLISH, measures_of_text, words_in, write_texts


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def records(connection: duckdb.DuckDBPyConnection, values: list[str | None]) -> None:
    """The table that a learner looks at."""
    connection.execute("CREATE OR REPLACE TABLE records (r BIGINT, v0 VARCHAR)")
    connection.executemany("INSERT INTO records VALUES (?, ?)", list(enumerate(values)))


def words_learned(connection: duckdb.DuckDBPyConnection, *chunks: list[str | None]) -> Vocabulary:
    learner = WordLearner()
    for chunk in chunks:
        records(connection, chunk)
        learner.add(connection, "v0")
    learned, notes = learner.learned("prompt", "feature")
    assert isinstance(learned, Vocabulary)
    assert () == notes
    return learned


def test_words_of_two_texts_are_known(connection: duckdb.DuckDBPyConnection) -> None:
    chunks: list[list[str | None]] = [["Beta alpha, beta!", None, "gamma"], ["alpha", "ALPHA beta", ""]]
    learned = words_learned(connection, *chunks)
    assert ("alpha", "beta") == learned.words
    assert {"beta"} == learned.rare


def test_counts_are_those_of_python(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deriving, "_BLOCK", 700)
    monkeypatch.setattr(deriving, "WORDS", 40)
    texts: list[str | None] = [*write_texts(300, (*ENGLISH, "漢字", "größe")), None]
    counts = Counter(word for text in texts if text for word in set(words_in(text)))
    learned = words_learned(connection, texts[:100], texts[100:])
    assert 30 < len(learned.words) <= 40
    needed = min(counts[word] for word in learned.words)
    assert {word for word, count in counts.items() if count >= needed} == set(learned.words)
    assert {word for word in learned.words if counts[word] == needed} == learned.rare
    assert sorted(learned.words, key=lambda word: (-counts[word], word)) == list(learned.words)


def test_what_is_remembered_is_bounded(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deriving, "_COUNTED", 100)
    chunks: list[list[str | None]] = [
        [f"often word{number} {'z' * 65}" for number in range(first, first + 90)]
        for first in range(0, 900, 90)
    ]
    assert ("often",) == words_learned(connection, *chunks).words


def test_own_texts_have_as_many_unseen_words_as_new_ones(connection: duckdb.DuckDBPyConnection) -> None:
    words = tuple(f"w{number}" for number in range(3000))
    differences, without = [], []
    for seed in range(5):
        texts = write_texts(400, words, seed=seed, length=20, rare=0.02)
        old: list[str | None] = [*texts[:200]]
        learned = words_learned(connection, old)
        own = set(learned.words) - learned.rare
        new = np.mean([measures_of_text(text, learned.words)[1] for text in texts[200:]])
        differences.append(np.mean([measures_of_text(text, own)[1] for text in old]) - new)
        without.append(np.mean([measures_of_text(text, learned.words)[1] for text in old]) - new)
    assert abs(np.mean(differences)) < 0.012
    # What it would be if each text was measured by its own words too.
    assert np.mean(without) < -0.02


def test_axes_are_those_of_a_whole_decomposition() -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(500, 40)) * np.linspace(5, 0.1, 40)
    vectors -= vectors.mean(axis=0)
    values, axes = principal_axes(vectors.T @ vectors, 6)
    _, singular, expected = np.linalg.svd(vectors, full_matrices=False)
    np.testing.assert_allclose(values, singular[:6] ** 2, rtol=1e-4)
    np.testing.assert_allclose(np.abs(axes @ expected[:6].T), np.eye(6), atol=0.02)
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in axes)


def low_rank(rows: int, dimension: int, seed: int) -> FloatArray:
    """Vectors around a centroid with falling variance, as those of texts have."""
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, dimension)))[0]
    spread = np.arange(1, dimension + 1) ** -0.7
    found: FloatArray = (random.normal(size=(rows, dimension)) * spread) @ turn + 0.3
    return found


def measured(subspace: Subspace, vectors: FloatArray) -> FloatArray:
    """Measures (measures, rows)."""
    lengths = np.full(len(vectors), vectors.shape[1], dtype=np.int64)
    found, _ = embedding_measures(subspace, vectors.ravel(), lengths, np.ones(len(vectors), dtype=np.uint8))
    return np.stack(found)


def test_each_row_is_measured_without_its_fold() -> None:
    vectors = low_rank(300, 10, 1)
    whole = fit_subspace("v", "feature", vectors)
    assert 1 <= len(whole.components) <= 9
    np.testing.assert_allclose(whole.centroid, vectors.mean(axis=0), rtol=1e-8)
    np.testing.assert_allclose(
        whole.components @ whole.components.T, np.eye(len(whole.components)), atol=1e-7
    )
    of = fold_of(vectors)
    assert FOLDS == len(whole.folds) == len(set(of.tolist()))
    for number, fold in enumerate(whole.folds):
        rest = vectors[of != number]
        np.testing.assert_allclose(fold.centroid, rest.mean(axis=0), rtol=1e-10)
        again = principal_axes(
            (rest - rest.mean(axis=0)).T @ (rest - rest.mean(axis=0)), len(whole.components)
        )[1]
        np.testing.assert_allclose(np.abs(np.sum(fold.components * again, axis=1)), 1, atol=1e-6)
        alone = Subspace("v", "feature", fold.centroid, fold.components)
        np.testing.assert_allclose(
            measured(whole, vectors)[:, of == number], measured(alone, vectors[of == number])
        )


@pytest.mark.parametrize("rows", [200, 2000])
def test_own_vectors_are_as_far_off_as_new_ones(rows: int) -> None:
    dimension = 96
    held_out, naive = [], []
    for seed in range(6):
        vectors = low_rank(2 * rows, dimension, seed)
        old, new = vectors[:rows], vectors[rows:]
        subspace = fit_subspace("v", "feature", old)
        stored = Subspace("v", "feature", subspace.centroid, subspace.components)
        spread = measured(stored, new)[2].std()
        apart = measured(stored, new)[2].mean()
        held_out.append((measured(subspace, old)[2].mean() - apart) / spread)
        naive.append((measured(stored, old)[2].mean() - apart) / spread)
    noise = 2.5 * np.sqrt(2 / (rows * 6))
    assert abs(np.mean(held_out)) < noise + 0.02
    if rows == 200:
        # The bias that is avoided, in standard deviations of the error.
        assert np.mean(naive) < -0.2


def test_a_sample_of_vectors(connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deriving, "_VECTORS", 150)
    learner = VectorLearner(seed=1)
    vectors = low_rank(400, 6, 2)
    for part in np.array_split(vectors, 3):
        records(connection, [str(list(map(float, vector))) for vector in part] + [None, "[1, 2]", "no"])
        learner.add(connection, "v0")
    learned, notes = learner.learned("v", "feature")
    assert isinstance(learned, Subspace)
    assert ("v: 6 of 406 values are no vectors of 6 finite numbers; they count as missing",) == notes
    apart = np.abs(learned.centroid - vectors.mean(axis=0))
    assert (apart < 5 * vectors.std(axis=0) / np.sqrt(150)).all()
    assert (apart > 0).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["a", "b"], "vectors among its values: none"),
        (["[1, 2]", "[1]", "[1, 2, 3]"], "vectors among its values: 1 of 2 numbers, 1 of 1 numbers, 1 of 3"),
    ],
)
def test_vectors_of_no_common_length(
    connection: duckdb.DuckDBPyConnection, values: list[str | None], said: str
) -> None:
    learner = VectorLearner(seed=1)
    records(connection, [*values, "[NaN, 1]"])
    learner.add(connection, "v0")
    learned, (note,) = learner.learned("v", "feature")
    assert learned is None
    assert note.startswith("vectors among its values")
    assert note.count("numbers") >= said.count("numbers")


@pytest.mark.parametrize(
    "vectors", [np.ones((20, 5)), np.arange(20.0)[:, None], np.zeros((3, 2)), np.ones((1, 4))]
)
def test_vectors_without_spread_or_dimension(vectors: FloatArray) -> None:
    subspace = fit_subspace("v", "feature", vectors)
    assert subspace.components.shape[1] == vectors.shape[1]
    assert np.isfinite(measured(subspace, vectors)[1:]).all()


def test_the_error_is_that_of_what_the_components_leave() -> None:
    vectors = low_rank(400, 20, 4)
    subspace = fit_subspace("v", "feature", vectors)
    stored = Subspace("v", "feature", subspace.centroid, subspace.components)
    explained = 1 - np.square(measured(stored, vectors)[2]).sum() / (
        np.square(vectors - vectors.mean(axis=0)).sum()
    )
    assert 0.8 <= explained < 1
    fewer = Subspace("v", "feature", subspace.centroid, subspace.components[:-1])
    left = np.square(measured(fewer, vectors)[2]).sum() / np.square(vectors - vectors.mean(axis=0)).sum()
    assert 1 - left < 0.8
    assert stats.spearmanr(measured(stored, vectors)[2], measured(fewer, vectors)[2]).statistic > 0.5
