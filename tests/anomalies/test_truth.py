"""The whole way on real records (examples/car_loan): what is told is what PyOD and numpy find."""

import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import yaml
from prometheus_client.parser import text_string_to_metric_families

from drift_exporter.anomaly_models import load_anomalies
from drift_exporter.config import load_config
from drift_exporter.expose.report.page import report_page
from drift_exporter.once import run_once
from drift_exporter.reference.loading import load_references
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import ANOMALY_BOUNDS

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "car_loan"
COLUMNS = ["car_value", "debt_to_income_ratio", "loan_length", "driver_tenure"]
WINDOWS = {"24h": (24 * 3600, 900), "7d": (7 * 24 * 3600, 3600)}
"""Length and length of the slices in seconds."""


def configured(folder: Path) -> Path:
    """The example, with detectors."""
    config = yaml.safe_load((EXAMPLE / "config.yml").read_text(encoding="utf-8"))
    config["models"][0]["anomaly"] = {
        "detector": "hbos",
        "parameters": {"n_bins": 30},
        "columns": COLUMNS,
        "contamination": 0.02,
        "show": ["loan_length"],
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    for name in ("reference.json", "reference.sample.parquet"):
        shutil.copy(EXAMPLE / name, folder / name)
    shutil.copytree(EXAMPLE / "logs", folder / "logs")
    return path


@cache
def told() -> dict[tuple[str, ...], float]:
    """What ``once`` prints of anomalies: values by name and what tells series apart."""
    with TemporaryDirectory() as folder:
        metrics, problems = run_once(configured(Path(folder)))
    assert [] == problems
    return {
        (sample.name, *(sample.labels[key] for key in ("le", "window") if key in sample.labels)): sample.value
        for family in text_string_to_metric_families(metrics.decode())
        if family.name.startswith("model_anomal")
        for sample in family.samples
    }


def scores(known: FloatArray, values: FloatArray) -> FloatArray:
    from pyod.models.hbos import HBOS  # noqa: PLC0415  # takes seconds to import

    found: FloatArray = HBOS(n_bins=30, contamination=0.02).fit(known).decision_function(values)
    return found


@cache
def truth() -> tuple[FloatArray, IntArray]:
    """Percentiles of the log's records by PyOD's scores, and their times in seconds.

    What percentile a score is, is tested with the detectors.
    """
    select = ", ".join(f"{name}::DOUBLE" for name in COLUMNS)
    sample = duckdb.sql(f"SELECT {select} FROM '{EXAMPLE}/reference.sample.parquet'").fetchall()
    log = duckdb.sql(
        f"SELECT {select}, epoch(timestamp::TIMESTAMP) FROM '{EXAMPLE}/logs/predictions.csv'"
    ).fetchall()
    current = np.array(log)
    with TemporaryDirectory() as folder:
        config = load_config(configured(Path(folder)))
        (detector,) = load_anomalies(config.models[0], load_references(config.models[0], Path(folder)))[None]
    return detector.by_score.of(scores(np.array(sample), current[:, :4])), current[:, 4]


def test_every_record_is_scored_as_pyod_scores_it() -> None:
    percentiles, _ = truth()
    counts = [int(np.count_nonzero(percentiles <= bound)) for bound in ANOMALY_BOUNDS]
    found = [told()["model_anomaly_score_bucket", repr(bound)] for bound in ANOMALY_BOUNDS]
    assert counts == found
    assert len(percentiles) == found[-1] == told()["model_anomaly_scored_records_total",]
    assert np.count_nonzero(percentiles > 0.98) == told()["model_anomalies_total",]
    assert 20 < told()["model_anomalies_total",] < 200
    assert 0 == told()["model_anomaly_skipped_records_total",]
    # In millionths.
    assert abs(percentiles.sum() - told()["model_anomaly_score_sum",]) < 0.5e-6 * len(percentiles)
    # Most are like those of the reference.
    assert 0.45 < np.median(percentiles) < 0.55


def test_every_window_has_its_ratio() -> None:
    percentiles, times = truth()
    newest = times.max()
    for name, (length, size) in WINDOWS.items():
        start = np.ceil((newest - length) / size) * size
        inside = times >= start
        assert 50 < np.count_nonzero(inside) == told()["model_anomaly_window_samples", name]
        ratio = np.count_nonzero(percentiles[inside] > 0.98) / np.count_nonzero(inside)
        assert ratio == told()["model_anomaly_ratio", name]
        assert 0 <= told()["model_anomaly_confidence", name] <= 1
    assert 0.02 == told()["model_anomaly_expected_ratio",]


def test_the_report_shows_the_oddest_of_the_last_day(tmp_path: Path) -> None:
    percentiles, times = truth()
    config = load_config(configured(tmp_path))
    model = make_model(config.models[0], config, final=True)
    model.read()
    snapshot, _ = model.evaluate()
    model.close()
    page = report_page(snapshot, float(times.max()))
    section = page[page.index('id="anomalies"') :]
    shown = re.findall(r"<td[^>]*><bdi>(\d+)</bdi></td>", section)
    recent = np.flatnonzero((percentiles > 0.98) & (times > times.max() - 24 * 3600))
    assert {str(73_500 + row) for row in recent.tolist()} >= set(shown)
    assert min(10, len(recent)) == len(shown) > 0
    assert "<bdi>loan_length</bdi> = <bdi>" in section
    assert "<bdi>driver_tenure</bdi> = " not in section
