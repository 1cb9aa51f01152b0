"""Learning what numbers are derived by, from all values of a text or embedding column.

A column's own rows must look as new ones will, though the words, or the subspace, are learned from them: else
every word of the reference would be known, and its reconstruction errors too small. So each row is measured
by what is learned without it: for words that is exact, for vectors rows are left out an eighth at a time.
"""

from collections import Counter
from dataclasses import replace
from typing import Protocol

import duckdb
import numpy as np

from drift_exporter.decode.characters import tables
from drift_exporter.decode.derived import texts_of, texts_sql, vectors_of, vectors_sql
from drift_exporter.decode.texts import blocks_of_rows
from drift_exporter.decode.vectors import rows_of_length
from drift_exporter.decode.words import code_points, words_of
from drift_exporter.reference.model import Derivation, FloatArray, IntArray, Kind, Vocabulary
from drift_exporter.reference.sampling import Keys, Reservoir
from drift_exporter.reference.subspace import fit_subspace

WORDS = 5_000
_LONGEST_WORD = 64
_COUNTED = 200_000
_BLOCK = 1 << 17
_VECTORS = 10_000
_SAMPLE_BYTES = 64 << 20


class Learner(Protocol):
    """Looks at one column, chunk by chunk, and tells at the end what numbers are derived by."""

    def add(self, connection: duckdb.DuckDBPyConnection, text: str) -> None:
        """Look at the values of the table ``records``; ``text`` is the SQL for the column's text."""
        ...

    def learned(self, name: str, kind: Kind) -> tuple[Derivation | None, tuple[str, ...]]:
        """By what numbers are derived, None where no value is usable; and what there is to say of it."""
        ...


class WordLearner:
    """Counts in how many texts each word stands.

    Exact up to 200,000 different words; where there are more, the rarest half is forgotten, so that a word
    that comes late may be missed.
    """

    def __init__(self) -> None:
        self._texts: dict[int, int] = {}
        self._words: dict[int, str] = {}

    def add(self, connection: duckdb.DuckDBPyConnection, text: str) -> None:
        """Count the words of the texts."""
        content, sizes, lengths = texts_of(_gathered(connection, texts_sql(text, 0)), 0)
        starts = np.concatenate([[0], np.cumsum(sizes + 1)])
        for first, last in blocks_of_rows(sizes + 1, _BLOCK):
            self._count(content[int(starts[first]) : int(starts[last])], lengths[first:last])
            if len(self._texts) > _COUNTED:
                kept = sorted(self._texts, key=lambda word: (-self._texts[word], self._words[word]))
                self._texts = {word: self._texts[word] for word in kept[: _COUNTED // 2]}
                self._words = {word: self._words[word] for word in self._texts}

    def _count(self, text: bytes, lengths: IntArray) -> None:
        after = np.cumsum(np.maximum(lengths, 0) + 1)
        codes = code_points(text, int(after[-1]))
        words = words_of(codes, tables().kind.take(codes))
        short = np.flatnonzero(words.ends - words.starts <= _LONGEST_WORD)
        hashes, row = words.hashes[short], np.searchsorted(after, words.starts[short], side="right")
        order = np.lexsort((row, hashes))
        hashes, row = hashes[order], row[order]
        once = np.ones(len(hashes), dtype=bool)
        once[1:] = (hashes[1:] != hashes[:-1]) | (row[1:] != row[:-1])
        found, index, counts = np.unique(hashes[once], return_index=True, return_counts=True)
        place = short[order[once][index]]
        folded = tables().folded
        for word, count, at in zip(found.tolist(), counts.tolist(), place.tolist(), strict=True):
            known = self._texts.get(word)
            if known is None:
                letters = folded.take(codes[int(words.starts[at]) : int(words.ends[at])])
                self._words[word] = letters.tobytes().decode("utf-32-le")
            self._texts[word] = count + (known or 0)

    def learned(self, name: str, kind: Kind) -> tuple[Derivation | None, tuple[str, ...]]:
        """Words that stand in at least two texts, the 5,000 most frequent.

        Rare are those that stand in just as many texts as are needed: without any one of these they would not
        be known.
        """
        counts = sorted(self._texts.values(), reverse=True)
        needed = max(2, counts[WORDS] + 1) if len(counts) > WORDS else 2
        known = [word for word, count in self._texts.items() if count >= needed]
        known.sort(key=lambda word: (-self._texts[word], self._words[word]))
        rare = frozenset(self._words[word] for word in known if self._texts[word] == needed)
        return Vocabulary(name, kind, tuple(self._words[word] for word in known), rare), ()


class VectorLearner:
    """Keeps a uniform sample of the vectors, of the length that most of them have where the input begins."""

    def __init__(self, seed: int) -> None:
        self._keys = Keys(seed)
        self._lengths: Counter[int] = Counter()
        self._sample: Reservoir | None = None
        self._dimension = 0
        self._given = self._finite = 0

    def add(self, connection: duckdb.DuckDBPyConnection, text: str) -> None:
        """Take vectors into the sample."""
        values, lengths, given = vectors_of(_gathered(connection, vectors_sql(text, 0)), 0)
        self._given += int(given.sum())
        found, counts = np.unique(lengths[lengths > 0], return_counts=True)
        self._lengths.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        if not len(found):
            return
        if self._sample is None:
            self._dimension = int(found[np.argmax(counts)])
            size = min(_VECTORS, max(1, _SAMPLE_BYTES // (8 * self._dimension)))
            self._sample = Reservoir(np.empty((self._dimension, size)))
        vectors = rows_of_length(values, lengths, self._dimension)
        vectors = vectors[np.isfinite(vectors).all(axis=1)]
        self._finite += len(vectors)
        self._sample.add(self._keys.draw(len(vectors)), list(vectors.T))

    def learned(self, name: str, kind: Kind) -> tuple[Derivation | None, tuple[str, ...]]:
        """Centroid and components of the sample."""
        if self._sample is None or 2 * self._finite <= self._given:
            lengths = ", ".join(
                f"{count} of {length} numbers" for length, count in self._lengths.most_common(3)
            )
            return None, (f"vectors among its values: {lengths or 'none'}",)
        notes = []
        if self._finite < self._given:
            wrong = self._given - self._finite
            notes.append(
                f"{name}: {wrong} of {self._given} values are no vectors of {self._dimension} finite "
                "numbers; they count as missing"
            )
        sample: FloatArray = self._sample.values[:, self._sample.order()].T
        return fit_subspace(name, kind, sample), tuple(notes)


def _gathered(connection: duckdb.DuckDBPyConnection, select: list[str]) -> dict[str, np.ndarray]:
    query = f"SELECT {', '.join(select)} FROM (SELECT * FROM records ORDER BY r)"  # noqa: S608 - our own names
    return {name: values[0] for name, values in connection.execute(query).fetchnumpy().items()}


def stored(derivation: Derivation) -> Derivation:
    """What numbers are derived by, without what is for the reference's own rows."""
    if isinstance(derivation, Vocabulary):
        return replace(derivation, rare=frozenset())
    return replace(derivation, folds=())


def make_learner(column_type: str | None, seed: int) -> Learner:
    """Make the learner of a column of type ``text`` or ``embedding``."""
    return WordLearner() if column_type == "text" else VectorLearner(seed)
