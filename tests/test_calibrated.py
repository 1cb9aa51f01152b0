"""Calibration on a reference with a daily cycle, through the whole exporter."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.config import load_config
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.store import load_reference, save_reference
from drift_exporter.setting_up import make_model
from support.records import model_config, write_config

HOUR = 3600
START = 1_704_067_200
DAYS = 21
PER_HOUR = 120


def lines(first: float, last: float, seed: int, shift: float = 0.0) -> bytes:
    """Records from hour ``first`` to hour ``last`` (of all days since the start)."""
    random = np.random.default_rng(seed)
    times = np.sort(random.uniform(first * HOUR, last * HOUR, round((last - first) * PER_HOUR)))
    values = 1.5 * np.sin(2 * np.pi * times / (24 * HOUR)) + random.normal(shift, 1.0, len(times))
    return b"".join(
        json.dumps({"ts": START + time, "features": {"x": value}}).encode() + b"\n"
        for time, value in zip(times.tolist(), values.tolist(), strict=True)
    )


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and a reference of three weeks."""
    folder = tmp_path_factory.mktemp("calibrated")
    (folder / "reference.ndjson").write_bytes(lines(0, 24 * DAYS, 1))
    fields = {"timestamp": "ts", "features": "features.*"}
    model = model_config("m", path="live.ndjson", fields=fields, reference="reference.json")
    config = load_config(write_config(folder, [model], windows=["1h", "24h"]))
    inputs = [folder / "reference.ndjson"]
    build_reference(config, "m", inputs, output=folder / "reference.json")
    return folder


@pytest.fixture(scope="module")
def rolling(calibrated: Path) -> Path:
    """The same with the model's own past as reference, and bins that know nothing of times."""
    folder = calibrated / "rolling"
    folder.mkdir()
    bins = replace(load_reference(calibrated / "reference.json"), calibration=())
    save_reference(bins, folder / "bins.json")
    fields = {"timestamp": "ts", "features": "features.*"}
    kind = {"rolling": "7d", "offset": "1d", "bins": "bins.json"}
    model = model_config("m", path="live.ndjson", fields=fields, reference=kind)
    write_config(folder, [model], windows=["1h", "24h"])
    return folder


def confidences(folder: Path, log: bytes) -> Sequence[float]:
    """Confidence of the column in the windows of 1h and 24h, after the log was read."""
    (folder / "live.ndjson").write_bytes(log)
    config = load_config(folder / "config.yml")
    model = make_model(config.models[0], config, final=True, clock=lambda: float(START + 10**9))
    model.read()
    windows = model.evaluate()[0].versions[0].windows
    model.close()
    return [window.columns[0].confidence for window in windows]


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_no_hour_of_the_day_alarms_though_it_is_all_that_a_window_of_a_day_holds(
    calibrated: Path, hour: int
) -> None:
    first = 24 * 40 + hour
    assert max(confidences(calibrated, lines(first, first + 1, hour))) < 0.95


def test_days_are_silent_and_a_shift_of_a_day_is_found(calibrated: Path) -> None:
    first = 24 * 40
    assert max(confidences(calibrated, lines(first, first + 24, 2))) < 0.95
    assert confidences(calibrated, lines(first, first + 24, 3, shift=0.8))[1] > 0.99


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_no_hour_alarms_beside_the_past_week(rolling: Path, hour: int) -> None:
    assert max(confidences(rolling, lines(0, 24 * 9 + hour, hour))) < 0.95


def test_a_shift_of_a_day_is_found_beside_the_past_week(rolling: Path) -> None:
    log = lines(0, 24 * 9, 4) + lines(24 * 9, 24 * 10, 5, shift=0.8)
    assert confidences(rolling, log)[1] > 0.99
