"""Scores agree with those of frouros, an independent library, where it computes the same statistic.

Its numbers are in golden/frouros.json, made by benchmarks/agreement.py.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import agreement
from drift_exporter.judge.scores import drift_scores
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import FloatArray
from support.counting import count_numbers

SCORES = json.loads((Path(__file__).parent / "golden" / "frouros.json").read_text())["scores"]
DATA = agreement.datasets()


def ours(name: str, before: FloatArray, now: FloatArray) -> dict[str, float]:
    if name.startswith("categories"):
        values, counts = np.unique(before, return_counts=True)
        names = [str(value) for value in values]
        column = categorical_column(name, "feature", dict(zip(names, counts.tolist(), strict=True)), 0, 50)
        current = dict(zip(*np.unique(now, return_counts=True), strict=True))
        found = [int(current.get(float(category), 0)) for category in column.categories]
        return drift_scores(column, np.array([*found, 0, 0]))
    numbers = numeric_column(name, "feature", before)
    return drift_scores(numbers, *count_numbers(numbers, now))


@pytest.mark.parametrize("name", [name for name in DATA if name.startswith("digits")])
def test_psi_and_hellinger(name: str) -> None:
    before, now = DATA[name]
    found = ours(name, before, now)
    # Half a count is added to each of our bins before PSI is computed.
    assert found["psi"] == pytest.approx(SCORES[name]["psi"], abs=10 / len(now), rel=0.02)
    assert found["hellinger"] == pytest.approx(SCORES[name]["hellinger"], rel=1e-9)


@pytest.mark.parametrize("name", [name for name in DATA if name.startswith("numbers")])
def test_ks_and_wasserstein(name: str) -> None:
    before, now = DATA[name]
    found = ours(name, before, now)
    assert found["ks"] == pytest.approx(SCORES[name]["ks"], abs=0.01)
    assert found["wasserstein"] == pytest.approx(SCORES[name]["wasserstein"] / before.std(), abs=0.01)


@pytest.mark.parametrize("name", [name for name in DATA if name.startswith("categories")])
def test_chi_square(name: str) -> None:
    before, now = DATA[name]
    expected = math.sqrt(SCORES[name]["chi2"] / (len(before) + len(now)))
    assert ours(name, before, now)["chi2"] == pytest.approx(expected, rel=1e-6)
