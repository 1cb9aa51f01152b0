"""Calibration on the reference's own windows, through the whole of reference build."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter.config import load_config
from drift_exporter.config.schema import Config
from drift_exporter.judge.calibration import design_effect
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import FloatArray, NumericColumn, Reference
from drift_exporter.reference.show import show_reference
from drift_exporter.reference.store import load_reference, save_reference
from support.records import model_config, write_config

HOUR = 3600
START = 1_704_067_200
DAYS = 30
PER_HOUR = 60


def write(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    log = folder / "log.ndjson"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return log


def config_of(folder: Path, windows: Sequence[str], **options: Any) -> Config:  # noqa: ANN401
    fields = {"timestamp": "ts", "features": "features.*"}
    model = model_config("loans", path="log.ndjson", **({"fields": fields} | options))
    return load_config(write_config(folder, [model], windows=list(windows)))


def build(folder: Path, config: Config, log: Path, **options: Any) -> Reference:  # noqa: ANN401
    return build_reference(config, "loans", [log], output=folder / "loans.json", **options)


@pytest.fixture(scope="module")
def stream() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Times of 30 days; a column that follows the time of day, and one that does not."""
    random = np.random.default_rng(5)
    times = np.sort(random.uniform(0, DAYS * 24 * HOUR, DAYS * 24 * PER_HOUR))
    cycle = 2 * np.sin(2 * np.pi * times / (24 * HOUR)) + random.normal(size=len(times))
    return np.floor(times), cycle, random.normal(size=len(times))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, stream: tuple[FloatArray, FloatArray, FloatArray]) -> Path:
    times, cycle, steady = stream
    rows = [
        {"ts": START + time, "features": {"cycle": one, "steady": other}}
        for time, one, other in zip(times.tolist(), cycle.tolist(), steady.tolist(), strict=True)
    ]
    return write(tmp_path_factory.mktemp("stream"), rows)


def numeric(reference: Reference, name: str) -> NumericColumn:
    column = reference.by_name["feature", name]
    assert isinstance(column, NumericColumn)
    return column


def test_a_daily_cycle_weighs_in_hours_and_not_in_days(
    tmp_path: Path, log: Path, stream: tuple[FloatArray, FloatArray, FloatArray]
) -> None:
    reference = build(tmp_path, config_of(tmp_path, ["1h", "24h", "7d"]), log)

    hours, days, weeks = reference.calibration
    assert [HOUR, 24 * HOUR, 7 * 24 * HOUR] == [one.length for one in reference.calibration]
    assert [False, False, True] == [one.blocks for one in reference.calibration]
    assert [720, 30, 30] == [hours.windows + 1, days.windows + 1, weeks.windows + 1]
    # The last window is not whole, for the last record comes before its end.
    assert hours.records == pytest.approx(PER_HOUR, rel=0.02)
    assert weeks.records == pytest.approx(7 * days.records)
    times, cycle, _ = stream
    column = numeric(reference, "cycle")
    hour = ((times - times[0]) // HOUR).astype(int)
    counts = np.zeros((719, len(column.bins)), dtype=np.int64)
    inside = hour < 719
    np.add.at(counts, (hour[inside], np.searchsorted(column.edges, cycle[inside])), 1)
    enough = counts[counts.sum(axis=1) >= 30]
    place = list(reference.by_name).index(("feature", "cycle"))
    other = list(reference.by_name).index(("feature", "steady"))
    assert hours.windows == len(enough)
    assert hours.design_effects[place] == pytest.approx(
        design_effect(enough, column.exported_counts), rel=1e-5
    )
    assert hours.design_effects[place] > 10
    assert max(days.design_effects[place], weeks.design_effects[place]) < 1.2
    assert max(one.design_effects[other] for one in reference.calibration) < 1.2
    # Nearly every hour differs from the day, and no calibrated one alarms.
    assert hours.plain_alarms[place] > 0.5 * hours.judged
    assert hours.alarms[place] <= 0.01 * hours.judged


def test_it_is_kept_and_read_back(tmp_path: Path, log: Path) -> None:
    reference = build(tmp_path, config_of(tmp_path, ["1h", "7d"]), log)
    loaded = load_reference(tmp_path / "loans.json")

    assert len(loaded.calibration) == 2
    for before, after in zip(reference.calibration, loaded.calibration, strict=True):
        np.testing.assert_array_equal(before.design_effects, after.design_effects)
        np.testing.assert_array_equal(before.alarms, after.alarms)
        np.testing.assert_array_equal(before.plain_alarms, after.plain_alarms)
        assert (before.length, before.windows, before.records, before.blocks, before.judged) == (
            after.length,
            after.windows,
            after.records,
            after.blocks,
            after.judged,
        )
    save_reference(replace(loaded, calibration=()), tmp_path / "without.json")
    assert load_reference(tmp_path / "without.json").fingerprint == reference.fingerprint


def test_it_is_the_same_with_the_rows_counted_again(tmp_path: Path, log: Path) -> None:
    config = config_of(tmp_path, ["1h"])
    all_rows = build(tmp_path, config, log)
    sampled = build(tmp_path, config, log, row_limit=30_000)

    (expected,), (actual,) = all_rows.calibration, sampled.calibration
    # Bins from a sample are a little different ones.
    np.testing.assert_allclose(actual.design_effects, expected.design_effects, rtol=0.15)
    assert (expected.windows, expected.records) == (actual.windows, actual.records)


@pytest.mark.parametrize(
    ("rows", "fields", "said"),
    [
        (2000, {"features": "features.*"}, "the rows have no time"),
        (100, {"timestamp": "ts", "features": "features.*"}, "there is too little data for it"),
    ],
)
def test_where_there_is_nothing_to_learn_it_says_what_is_assumed(
    tmp_path: Path, rows: int, fields: dict[str, str], said: str
) -> None:
    random = np.random.default_rng(1)
    log = write(tmp_path, [{"ts": START + i, "features": {"x": random.normal()}} for i in range(rows)])
    reference = build(tmp_path, config_of(tmp_path, ["1h", "7d"], fields=fields), log)

    assert () == reference.calibration
    assert f"calibration  none, for {said}: records are taken as independent" in show_reference(reference)
    assert "calibration" not in json.loads((tmp_path / "loans.json").read_text())


def test_the_table_of_effects(tmp_path: Path, log: Path) -> None:
    reference = build(tmp_path, config_of(tmp_path, ["1h", "24h", "7d"]), log)
    shown = show_reference(reference)

    hours, days, _ = reference.calibration
    basis = f"1h: {hours.windows} windows of 60 records; 24h: {days.windows} windows of {days.records:,.0f} "
    found = " ".join(shown.split())
    assert f"calibration {basis}" in found, found[found.index("calibration") :][:200]
    place = list(reference.by_name).index(("feature", "cycle"))
    plain = 100 * hours.plain_alarms[place] / hours.judged
    expected = f"{hours.design_effects[place]:12.2f} 0 % ({plain:.0f} %)"
    assert [line for line in shown.splitlines() if line.startswith("cycle") and expected in line]
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_windows_are_judged_by_the_tolerances_that_are_configured(tmp_path: Path, log: Path) -> None:
    usual = build(tmp_path, config_of(tmp_path, ["1h"]), log).calibration[0]
    columns = {"cycle": {"tolerance": 50.0}}
    tolerant = build(tmp_path, config_of(tmp_path, ["1h"], columns=columns), log).calibration[0]
    assert usual.plain_alarms.max() > 0.5 * usual.judged
    assert 0 == tolerant.plain_alarms.max()
