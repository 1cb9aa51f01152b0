"""What NannyML estimates of the same records; its numbers are made by benchmarks/frozen_estimates.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.count.layout import make_layout
from drift_exporter.decode.plan import NumericLeaf, Plan
from drift_exporter.judge.estimation.cbpe import estimate_classification, fit_estimator
from drift_exporter.judge.estimation.dle import (
    error_estimator,
    estimate_regression,
    fit_error_model,
)
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.model import Reference
from drift_exporter.reference.outcomes import count_outcomes
from frozen_estimates import CHUNK, CHUNKS, records

GOLDEN = json.loads((Path(__file__).parent / "golden" / "nannyml.json").read_text(encoding="utf-8"))
ESTIMATES = GOLDEN["estimates"]


def test_classification() -> None:
    before, now = records()
    column = numeric_column("score", "score", before["score"])
    outcomes = count_outcomes(
        ("0", "1"), before["answer"], before["label"], (1,), (before["score"],), (column,)
    )
    estimator = fit_estimator(outcomes)
    assert estimator is not None
    for chunk in range(CHUNKS):
        rows = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        counted = count_outcomes(
            ("0", "1"), now["answer"][rows], now["label"][rows], (1,), (now["score"][rows],), (column,)
        )
        found = estimate_classification(estimator, counted.cells.sum(axis=2), counted.cell_sums.sum(axis=2))
        for metric in ("roc_auc", "accuracy", "f1"):
            assert ESTIMATES[metric][chunk] == pytest.approx(found[metric].value, abs=0.003)


def test_regression() -> None:
    before, now = records()
    columns = (
        numeric_column("size", "feature", before["size"]),
        numeric_column("prediction", "prediction", before["price"]),
    )
    values = np.column_stack([before["size"], before["price"]])
    model = fit_error_model(values, before["paid"], columns)
    assert model is not None
    plan = Plan(
        numeric=(
            NumericLeaf(("size",), "size", "feature"),
            NumericLeaf(("price",), "prediction", "prediction"),
        )
    )
    layout = make_layout(Reference("prices", 1, columns, 0.0, ""), plan)
    estimates = np.stack(error_estimator(model, layout)((now["size"], now["price"]), ()))
    for chunk in range(CHUNKS):
        sums = estimates[:, chunk * CHUNK : (chunk + 1) * CHUNK].sum(axis=1)
        found = estimate_regression(model, sums, CHUNK)
        rmse, mae = found["root_mean_squared_error"].value, found["mean_absolute_error"].value
        assert ESTIMATES["rmse"][chunk] == pytest.approx(rmse, rel=0.02)
        assert ESTIMATES["mae"][chunk] == pytest.approx(mae, rel=0.02)
