"""Detectors are fitted on the sample that reference build leaves beside a reference, once for all reloads."""

import os
from pathlib import Path

import duckdb
import numpy as np
import pytest

from drift_exporter.anomaly_models import load_anomalies
from drift_exporter.config import load_config
from drift_exporter.errors import ConfigurationError, ReferenceFileError
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.sample import read_timed, sample_path
from drift_exporter.reference.store import load_reference
from support.anomalies import Odd
from support.records import NOW, model_config, write_config


def loaded(odd: Odd) -> tuple[AnomalyModel, ...]:
    reference = load_reference(odd.folder / "reference.json")
    return load_anomalies(odd.config.models[0], {None: reference})[None]


def test_rows_come_with_their_times(tmp_path: Path) -> None:
    odd = Odd(tmp_path)
    reference = load_reference(tmp_path / "reference.json")
    values, times = read_timed(sample_path(tmp_path / "reference.json"), reference)
    assert (2_000, len(reference.sampled)) == values.shape
    assert times is not None
    assert [round(NOW * 1e6), 1_000_000] == [times.max(), int(np.diff(np.sort(times)).max())]
    (model,) = loaded(odd)
    assert ("ecod", 2_000, False) == (model.settings.detector, model.rows, model.overdispersion.by_records)


def test_what_is_in_use_is_not_fitted_again(tmp_path: Path) -> None:
    odd = Odd(tmp_path)
    (first,) = loaded(odd)
    (again,) = loaded(odd)
    assert first is again
    odd.anomaly["tolerance"] = 0.2
    odd.write()
    (tolerant,) = loaded(odd)
    assert (0.2, True) == (tolerant.settings.tolerance, tolerant.detector is first.detector)
    odd.anomaly["seed"] = 5
    odd.write()
    (other,) = loaded(odd)
    assert other.detector is not first.detector
    odd.anomaly["seed"] = 0
    odd.write()
    os.utime(tmp_path / "reference.sample.parquet", ns=(1, 1))
    (changed,) = loaded(odd)
    assert changed.detector is not first.detector


def test_several_detectors_are_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    odd = Odd(tmp_path)
    odd.anomaly = [{"detector": "ecod"}, {"detector": "copod", "columns": ["amount"]}]
    odd.write()
    assert [("ecod", 3), ("copod", 1)] == [(one.settings.detector, len(one.columns)) for one in loaded(odd)]


def test_without_detectors_nothing_is_read(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, [model_config()]))
    assert {} == load_anomalies(config.models[0], {})


def test_what_is_wrong_is_told_with_the_model(tmp_path: Path) -> None:
    odd = Odd(tmp_path, detector="iforst")
    with pytest.raises(
        ConfigurationError, match="model 'fraud': anomaly: there is no detector 'iforst'; did you"
    ):
        loaded(odd)
    odd.anomaly = {"detector": "ecod", "columns": ["nothing"]}
    odd.write()
    with pytest.raises(
        ConfigurationError, match="model 'fraud': anomaly: the reference has no column 'nothing'"
    ):
        loaded(odd)
    odd.anomaly = {"detector": "ecod", "contamination": 0.0001}
    odd.write()
    with pytest.raises(
        ConfigurationError, match="anomaly: the reference's sample has 2000 rows, and a contam"
    ):
        loaded(odd)
    (tmp_path / "reference.sample.parquet").unlink()
    with pytest.raises(ReferenceFileError, match=r"reference\.sample\.parquet: there is no such file"):
        loaded(odd)


def test_more_rows_are_kept_to_learn_from(tmp_path: Path) -> None:
    known = tmp_path / "known.ndjson"
    known.write_text('{"features":{"a":1.5},"prediction":"yes"}\n' * 10_001)
    fields = {"prediction": "prediction", "features": "features.*"}
    kept = []
    for anomaly in ({}, {"anomaly": {"detector": "ecod"}}):
        model = model_config(fields=fields, reference="reference.json", **anomaly)
        config = load_config(write_config(tmp_path, [model]))
        build_reference(config, "fraud", [known], output=tmp_path / "reference.json")
        with duckdb.connect() as connection:
            kept.append(len(connection.read_parquet(str(tmp_path / "reference.sample.parquet"))))
    assert [10_000, 10_001] == kept
