"""Performance estimated without labels, beside NannyML, on the data sets that NannyML comes with.

Run it: python benchmarks/estimation.py [--write]. NannyML is set up in a virtual environment of its own
(build/peers/nannyml). It takes two minutes. It prints a table, and with --write puts it into
docs/statistics.md. References are built by ``reference build``, with the model's sample of rows; windows are
counted in their bins, as when serving.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import yaml

from detection.venvs import PEERS, environment
from drift_exporter.config import load_config
from drift_exporter.config.schema import Config
from drift_exporter.count.layout import make_layout
from drift_exporter.decode.plan import CODE_FIRST, CODE_OTHER
from drift_exporter.estimation import load_error_model
from drift_exporter.judge.estimation.cbpe import estimate_classification, fit_estimator
from drift_exporter.judge.estimation.dle import error_estimator, estimate_regression
from drift_exporter.judge.estimation.estimate import Estimate
from drift_exporter.planning import make_plan
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import FloatArray, Reference
from page import replace_table

PEER = """
import json, os, sys
import numpy as np, pandas as pd
pd.set_option("future.infer_string", False)
import nannyml
from sklearn import metrics

folder = sys.argv[1]
sets = json.load(open(sys.argv[2]))
found = {}
for name, own in sets.items():
    reference, analysis, labels = getattr(nannyml, own["load"])()
    key = [column for column in labels.columns if column != own["label"]]
    joined = analysis.merge(labels, on=key) if key else analysis.assign(**{own["label"]: labels[own["label"]]})
    for part, frame in (("reference", reference), ("analysis", joined)):
        frame.to_parquet(os.path.join(folder, f"{name}_{part}.parquet"))
    for frame in (reference, analysis):
        for column in frame.columns:
            if not pd.api.types.is_numeric_dtype(frame[column]):
                frame[column] = pd.Categorical(frame[column].astype(object).to_numpy())
    for size in (None, 5000):
        options = dict(y_pred=own["prediction"], y_true=own["label"], metrics=list(own["metrics"]), chunk_size=size)
        if own["task"] == "regression":
            estimator = nannyml.DLE(feature_column_names=own["features"], **options)
        else:
            scores = own["scores"] if own["task"] == "multiclass" else own["scores"]["1"]
            kind = "classification_" + own["task"]
            estimator = nannyml.CBPE(y_pred_proba=scores, problem_type=kind, **options)
        estimator.fit(reference)
        result = estimator.estimate(analysis).filter(period="analysis").to_df()
        found[f"{name}/{size or 'default'}"] = {
            "chunks": [[int(a), int(b) + 1] for a, b in zip(
                result[("chunk", "start_index")], result[("chunk", "end_index")])],
            **{metric: [float(value) for value in result[(metric, "value")]] for metric in own["metrics"]},
        }
json.dump(found, open(os.path.join(folder, "nannyml.json"), "w"))
"""


@dataclass(frozen=True)
class Dataset:
    """A data set of NannyML: how it is loaded, and which of its columns are what."""

    load: str
    task: str
    label: str
    prediction: str
    metrics: Mapping[str, str]
    scores: Mapping[str, str]
    features: Sequence[str] = ()

    def config(self, name: str, folder: Path) -> Config:
        """A configuration of this model."""
        fields: dict[str, Any] = {"prediction": self.prediction}
        if self.task == "binary":
            fields["score"] = self.scores["1"]
        elif self.task == "multiclass":
            fields["scores"] = dict(self.scores)
        if self.features:
            fields["features"] = {feature: feature for feature in self.features}
        # The labels are late: only the reference holds them.
        labels = {"source": {"type": "file", "path": "labels"}, "fields": {"id": "id", "label": self.label}}
        predictions = {"source": {"type": "file", "path": "log.parquet"}, "fields": {**fields, "id": "id"}}
        model = {"name": name, "task": self.task, "predictions": predictions, "labels": labels}
        model["reference"] = f"{name}.json"
        path = folder / f"{name}.yml"
        path.write_text(yaml.safe_dump({"models": [model]}), encoding="utf-8")
        return load_config(path)


_BINARY = {"roc_auc": "roc_auc", "accuracy": "accuracy", "f1": "f1", "average_precision": "average_precision"}
_CLASSES = {"roc_auc": "roc_auc_macro", "accuracy": "accuracy", "f1": "f1_macro"}
_PRICES = ("car_age", "km_driven", "price_new", "accident_count", "door_count", "fuel", "transmission")
_CARDS = {name: f"y_pred_proba_{name}" for name in ("prepaid_card", "highstreet_card", "upmarket_card")}
DATASETS = {
    "car_loan": Dataset(
        "load_synthetic_car_loan_dataset", "binary", "repaid", "y_pred", _BINARY, {"1": "y_pred_proba"}
    ),
    "employment": Dataset(
        "load_us_census_ma_employment_data",
        "binary",
        "employed",
        "prediction",
        _BINARY,
        {"1": "predicted_probability"},
    ),
    "credit_card": Dataset(
        "load_synthetic_multiclass_classification_dataset", "multiclass", "y_true", "y_pred", _CLASSES, _CARDS
    ),
    "car_price": Dataset(
        "load_synthetic_car_price_dataset",
        "regression",
        "y_true",
        "y_pred",
        {"rmse": "root_mean_squared_error", "mae": "mean_absolute_error"},
        {},
        _PRICES,
    ),
}

Window = tuple[Mapping[str, Estimate], Mapping[str, float]]
"""What is estimated of some rows, and what is realised."""


def ask_nannyml(folder: Path) -> Mapping[str, Any]:
    """NannyML's estimates by data set and size of chunks; the data sets are put into ``folder``."""
    python = environment("NannyML", PEERS["NannyML"])
    script, sets = folder / "peer.py", folder / "sets.json"
    script.write_text(PEER, encoding="utf-8")
    sets.write_text(json.dumps({name: vars(own) for name, own in DATASETS.items()}), encoding="utf-8")
    silent = {**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
    command = [python, "-W", "ignore", script, folder, sets]
    subprocess.run(command, check=True, env=silent, stdout=subprocess.DEVNULL)
    return dict(json.loads((folder / "nannyml.json").read_text(encoding="utf-8")))


def ours(name: str, folder: Path) -> Callable[[int, int], Window]:
    """What we make of the rows from one number to another."""
    own = DATASETS[name]
    config = own.config(name, folder)
    source = folder / f"{name}_reference.parquet"
    reference = build_reference(config, name, [source], output=folder / f"{name}.json")
    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT * FROM '{folder / name}_analysis.parquet'").fetchnumpy()
    if own.task == "regression":
        return _regression(own, config, reference, rows)
    return _classification(own, reference, rows)


def _classification(
    own: Dataset, reference: Reference, rows: Mapping[str, Any]
) -> Callable[[int, int], Window]:
    from sklearn import metrics  # noqa: PLC0415 - it takes seconds, and the peer comes first

    outcomes = reference.outcomes
    estimator = None if outcomes is None else fit_estimator(outcomes)
    if outcomes is None or estimator is None:
        raise SystemExit("there is no estimator; were the labels read?")
    code = {name: number for number, name in enumerate(outcomes.classes)}
    answers, labels = (
        np.array([code[str(value)] for value in rows[column].tolist()])
        for column in (own.prediction, own.label)
    )
    scores = np.stack([rows[own.scores[outcomes.classes[number]]] for number in outcomes.scored])
    bins = outcomes.cells.shape[-1]
    place = np.stack([np.searchsorted(edges, s) for edges, s in zip(outcomes.edges, scores, strict=True)])

    def window(start: int, end: int) -> Window:
        some = slice(start, end)
        counts, sums = (np.zeros((len(scores), 2, bins)) for _ in range(2))
        for i, number in enumerate(outcomes.scored):
            flat = place[i, some] + bins * (answers[some] == number)
            counts[i] = np.bincount(flat, minlength=2 * bins).reshape(2, bins)
            sums[i] = np.bincount(flat, scores[i, some], 2 * bins).reshape(2, bins)
        found = estimate_classification(estimator, counts.astype(np.int64), sums)
        true, told = labels[some], answers[some]
        areas = [
            metrics.roc_auc_score(true == n, s[some]) for n, s in zip(outcomes.scored, scores, strict=True)
        ]
        if own.task == "multiclass":
            f1 = metrics.f1_score(true, told, average="macro")
            realised = {"roc_auc_macro": float(np.mean(areas)), "f1_macro": f1}
        else:
            precision = metrics.average_precision_score(true, scores[0, some])
            realised = {
                "roc_auc": areas[0],
                "f1": metrics.f1_score(true, told),
                "average_precision": precision,
            }
        return found, {"accuracy": metrics.accuracy_score(true, told), **realised}

    return window


def _regression(
    own: Dataset, config: Config, reference: Reference, rows: Mapping[str, Any]
) -> Callable[[int, int], Window]:
    begin = time.process_time()
    model = load_error_model(config.models[0], None, reference)
    if model is None:
        raise SystemExit("there is no error model; were the labels read?")
    fitted = time.process_time()
    plan = make_plan(config.models[0], [reference])
    layout = make_layout(reference, plan)
    numbers = [np.asarray(rows[leaf.path[-1]], dtype=np.float64) for leaf in plan.numeric]
    codes = []
    for leaf in plan.categorical:
        known = {category: CODE_FIRST + i for i, category in enumerate(leaf.categories)}
        texts = rows[leaf.path[-1]].tolist()
        codes.append(np.array([known.get(str(text), CODE_OTHER) for text in texts], dtype=np.uint16))
    estimate = error_estimator(model, layout)
    before = time.process_time()
    estimates = np.stack(estimate(numbers, codes))
    spent = time.process_time() - before
    print(
        f"the error model of {model.rows:,} rows was fitted in {fitted - begin:.1f} CPU seconds; "
        f"{len(numbers[0]) / spent:,.0f} records per CPU second are estimated"
    )
    error: FloatArray = np.asarray(rows[own.prediction], dtype=np.float64) - rows[own.label]

    def window(start: int, end: int) -> Window:
        found = estimate_regression(model, estimates[:, start:end].sum(axis=1), end - start)
        true = {
            "mean_absolute_error": float(np.abs(error[start:end]).mean()),
            "root_mean_squared_error": float(np.sqrt(np.square(error[start:end]).mean())),
        }
        return found, true

    return window


def table(said: Mapping[str, Any], folder: Path) -> str:
    """Both estimates beside each other and beside what is realised."""
    lines = [
        "| data set | metric | chunks | apart at most | off on average, ours | NannyML's | in our interval |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, own in DATASETS.items():
        judge = ours(name, folder)
        for size in ("default", "5000"):
            theirs = said[f"{name}/{size}"]
            chunks = theirs["chunks"]
            windows = [judge(start, end) for start, end in chunks]
            about = f"{len(chunks)} of {chunks[0][1] - chunks[0][0]:,}"
            for their_name, metric in own.metrics.items():
                value = np.array([found[metric].value for found, _ in windows])
                true = np.array([realised[metric] for _, realised in windows])
                other = np.array(theirs[their_name])
                # Errors of a regression as shares of the realised ones.
                unit = true if own.task == "regression" else np.ones(len(true))
                inside = np.mean(
                    [
                        found[metric].lower <= one <= found[metric].upper
                        for (found, _), one in zip(windows, true, strict=True)
                    ]
                )
                parts = np.abs(value - other) / unit, np.abs(value - true) / unit, np.abs(other - true) / unit
                apart, off, theirs_off = parts[0].max(), parts[1].mean(), parts[2].mean()
                lines.append(
                    f"| {name} | `{metric}` | {about} | {apart:.4f} | {off:.4f} | {theirs_off:.4f} | "
                    f"{100 * inside:.0f} % |"
                )
    return "\n".join(lines)


def main() -> None:
    """Ask both, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/statistics.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        said = ask_nannyml(Path(folder))
        text = table(said, Path(folder))
    print(text)
    if options.write:
        replace_table("benchmarks/estimation.py", text)


if __name__ == "__main__":
    main()
