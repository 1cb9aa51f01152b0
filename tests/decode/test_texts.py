import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drift_exporter.decode import texts
from drift_exporter.decode.characters import tables
from drift_exporter.decode.texts import blocks_of_rows, text_measures
from drift_exporter.decode.words import KnownWords, code_points, words_of
from drift_exporter.reference.model import Vocabulary
from support.texts import ENGLISH, GERMAN, measures_of_text, words_in, write_texts

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
WRITTEN = st.text("aAbß é.,1٣ \n\0\u0301漢字ไทยǅ😀'İ\x85\u2028", max_size=20)


def measured(
    values: list[str | None], words: tuple[str, ...], rare: frozenset[str] = frozenset()
) -> np.ndarray:
    """Measures (rows, measures) of texts as the decoders give them."""
    content = "".join(f"{value or ''}\n" for value in values).encode()
    sizes = np.array([len((value or "").encode()) for value in values], dtype=np.int64)
    lengths = np.array([-1 if value is None else len(value) for value in values], dtype=np.int64)
    found = text_measures(Vocabulary("prompt", "feature", words, rare), content, sizes, lengths)
    return np.stack(found, axis=1)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.none() | ANY_TEXT | WRITTEN, min_size=1, max_size=8), st.lists(WRITTEN, max_size=3))
@example([""], [])
@example([None, "\0", "a\0b", "😀😀", "Ünïted e\u0301"], ["A b", "e\u0301"])
def test_measures_are_those_of_python(values: list[str | None], learned: list[str]) -> None:
    known = tuple(dict.fromkeys(word for text in learned for word in words_in(text)))
    expected = np.array([measures_of_text(value, known) for value in values])
    np.testing.assert_allclose(measured(values, known), expected, rtol=1e-12)


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [*write_texts(60, (*ENGLISH, *GERMAN)), None, "", "x" * 500, "漢字" * 70]
    known = ENGLISH[:30]
    whole = measured(values, known)
    monkeypatch.setattr(texts, "_BLOCK", 300)
    np.testing.assert_array_equal(measured(values, known), whole)
    expected = np.array([measures_of_text(value, known) for value in values])
    np.testing.assert_allclose(whole, expected, rtol=1e-12)


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 60))
def test_blocks_hold_every_row_once(sizes: list[int], most: int) -> None:
    blocks = blocks_of_rows(np.array(sizes, dtype=np.int64), most)
    assert list(range(len(sizes))) == [row for first, last in blocks for row in range(first, last)]
    assert all(sum(sizes[first:last]) <= most or last == first + 1 for first, last in blocks)


def test_rare_words_count_as_unseen() -> None:
    values: list[str | None] = ["alpha beta gamma delta"]
    assert measured(values, ("alpha", "beta", "gamma"))[0, 1] == 0.25
    assert measured(values, ("alpha", "beta", "gamma"), frozenset({"beta"}))[0, 1] == 0.5


def test_words_are_told_apart_wherever_they_stand() -> None:
    words = [f"{prefix}{number}" for prefix in ("a", "b", "aa", "ab", "x1y") for number in range(4000)]
    text = " ".join(words)
    codes = code_points(text.encode(), len(text))
    found = words_of(codes, tables().kind.take(codes))
    assert words == [text[start:end] for start, end in zip(found.starts, found.ends, strict=True)]
    assert len(set(words)) == len(np.unique(found.hashes))
    known = KnownWords(tuple(words[::2]))
    np.testing.assert_array_equal(known.find(found.hashes), np.arange(len(words)) % 2 == 0)


def test_nothing_is_known_of_no_words() -> None:
    assert [False] == KnownWords(()).find(np.array([0], dtype=np.uint64)).tolist()


def test_every_character_has_one_kind() -> None:
    kinds = tables().kind
    for code in (*range(0x3000), 0x4E00, 0xE01, 0x1F600, 0x10FFFF):
        major = unicodedata.category(chr(code))[0]
        assert (major in "LM") == (kinds[code] >= 3)
        assert (major == "N") == (kinds[code] == 2)
