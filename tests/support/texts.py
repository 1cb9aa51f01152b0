"""Texts that look like real ones, and what is measured of texts and vectors, in plain Python."""

import math
import unicodedata
from collections.abc import Collection, Sequence

import numpy as np

_ENGLISH = """
the a of to and in for is on that with as it at by from this we you our can be not or have
please order account delivery refund parcel invoice customer support address payment card
problem question answer email week today yesterday arrived broken missing wrong late change
cancel return check send wait call help thank yours regards number status update track box
"""
_GERMAN = """
der die das und in zu den von mit sich auf für ist im dem nicht ein eine als auch es an
bitte Bestellung Konto Lieferung Erstattung Paket Rechnung Kunde Adresse Zahlung Karte
Problem Frage Antwort Woche heute gestern angekommen kaputt fehlt falsch spät ändern
"""
_MEDICAL = """
the a of to and in for is on that with as it at by from this we you our can be not or have
patient dose fever symptom tablet doctor nurse blood pressure heart pain chronic therapy
allergy infection vaccine clinic surgery wound breath cough lung kidney liver diagnosis
"""
ENGLISH, GERMAN, MEDICAL = (tuple(words.split()) for words in (_ENGLISH, _GERMAN, _MEDICAL))
_NO_SPACES = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF)),
    *((0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
)


def write_texts(
    count: int, words: Sequence[str] = ENGLISH, *, seed: int = 0, length: float = 40, rare: float = 0.05
) -> list[str]:
    """Texts of about ``length`` words; the share ``rare`` of them are codes of which there are very many."""
    random = np.random.default_rng(seed)
    shares = 1 / np.arange(1, len(words) + 1)
    texts = []
    for size in random.poisson(length, count):
        chosen = random.choice(len(words), size=max(1, size), p=shares / shares.sum()).tolist()
        text = []
        for number in chosen:
            odd = random.random()
            word = words[number] if odd > rare else f"X{int(random.integers(10**9))}"
            text.append(word.capitalize() if not text or text[-1].endswith(".") else word)
            text[-1] += "." if random.random() < 0.1 else ""
        texts.append(" ".join(text))
    return texts


def words_in(text: str) -> list[str]:
    """Runs of letters, marks and digits in lower case; letters of scripts without spaces are alone."""
    words, word = [], ""
    for character in text:
        major = unicodedata.category(character)[0]
        alone = unicodedata.category(character) not in {"Lu", "Lt"} and any(
            first <= ord(character) <= last for first, last in _NO_SPACES
        )
        if major in "LMN" and not (alone and major != "N"):
            word += character.lower()[0] if unicodedata.category(character) in {"Lu", "Lt"} else character
            continue
        words += [word] if word else []
        words += [character] if major in "LM" else []
        word = ""
    return [*words, word] if word else words


def measures_of_text(text: str | None, known: Collection[str]) -> list[float]:
    """Length, unseen words, letters, digits, white space, symbols, upper case; NaN where there is none."""
    if text is None:
        return [math.nan] * 7
    kinds = [unicodedata.category(character) for character in text]
    letters = sum(kind[0] in "LM" for kind in kinds)
    digits = sum(kind[0] == "N" for kind in kinds)
    white = sum(
        kind[0] == "Z" or character in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85"
        for kind, character in zip(kinds, text, strict=True)
    )
    upper = sum(kind in {"Lu", "Lt"} for kind in kinds)
    words = words_in(text)
    unseen = sum(word not in known for word in words)

    def share(part: int, whole: int) -> float:
        return part / whole if whole else math.nan

    size = len(text)
    shares = [letters, digits, white, size - letters - digits - white]
    return [
        float(size),
        share(unseen, len(words)),
        *(share(part, size) for part in shares),
        share(upper, letters),
    ]


def measures_of_vector(
    vector: Sequence[float] | None, centroid: np.ndarray, components: np.ndarray
) -> list[float]:
    """Cosine distance, norm and reconstruction error; NaN where there is none."""
    if vector is None or len(vector) != len(centroid) or not np.isfinite(vector).all():
        return [math.nan] * 3
    values = np.asarray(vector, dtype=float)
    norm = float(np.linalg.norm(values))
    length = norm * float(np.linalg.norm(centroid))
    distance = 1 - float(values @ centroid) / length if length else math.nan
    apart = values - centroid
    rebuilt = components.T @ (components @ apart)
    return [distance, norm, float(np.linalg.norm(apart - rebuilt))]
