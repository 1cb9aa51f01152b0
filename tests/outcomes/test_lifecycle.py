"""Labels shuffled, repeated, corrected, late, early and cut off by crashes give what clean ones give."""

import random
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter import runtime
from drift_exporter.config import load_config
from drift_exporter.expose.render import render
from drift_exporter.runtime import ModelRuntime, take_snapshot
from drift_exporter.setting_up import make_model
from drift_exporter.state.store import Store
from support.labelled import (
    DAY,
    NOW,
    START,
    Row,
    configure,
    labels,
    metrics,
    predictions,
    same,
    told,
    values,
    write_rows,
)


@cache
def clean() -> tuple[list[Row], list[Row], str]:
    """Predictions, labels, and what is told of them where all goes well."""
    rows = predictions(3000)
    given = sorted(labels(rows), key=lambda row: row["at"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "predictions/p.ndjson", rows)
        write_rows(folder / "labels/l.ndjson", given)
        return rows, given, metrics(configure(folder))


def shuffled(rows: list[Row], given: list[Row]) -> tuple[list[Row], list[Row]]:
    return rows, random.Random(3).sample(given, len(given))  # noqa: S311  # no secret


def repeated(rows: list[Row], given: list[Row]) -> tuple[list[Row], list[Row]]:
    return rows, [*given, *shuffled(rows, given)[1][:500], *given[:200]]


def corrected(rows: list[Row], given: list[Row]) -> tuple[list[Row], list[Row]]:
    wrong = [{**row, "y": 1 - row["y"], "at": row["at"] - 0.5} for row in given[::7]]
    # Some come before what holds, and change nothing; others are what holds until it comes.
    return rows, [*given[: len(given) // 2], *wrong, *given[len(given) // 2 :]]


def unknown(rows: list[Row], given: list[Row]) -> tuple[list[Row], list[Row]]:
    nobody = [{**row, "id": f"nobody {row['id']}", "at": START} for row in given[:100]]
    return rows, [*given, {"id": None, "y": 1, "at": START}, {"id": "r1", "y": None, "at": START}, *nobody]


def late(rows: list[Row], given: list[Row]) -> tuple[list[Row], list[Row]]:
    there = {row["id"] for row in given}
    too_late = [
        {"id": row["id"], "y": 1, "at": row["ts"] + 3 * DAY + 60} for row in rows if row["id"] not in there
    ]
    return rows, [*too_late, *given]


@pytest.mark.parametrize("disturb", [shuffled, repeated, late])
def test_disturbed_labels_give_the_same(
    tmp_path: Path,
    disturb: Callable[[list[Row], list[Row]], tuple[list[Row], list[Row]]],
) -> None:
    rows, given, expected = clean()
    rows, given = disturb(rows, given)
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    write_rows(tmp_path / "labels/l.ndjson", given)
    same(expected, metrics(configure(tmp_path)))


def test_what_does_not_fit_into_memory_waits_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_UNSAVED_BYTES", 10_000)
    rows, given, expected = clean()
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    half = len(given) // 2
    for number, part in enumerate((given[:half], given[half:])):
        write_rows(tmp_path / f"labels/{number}.ndjson", part)
    same(expected, metrics(configure(tmp_path)))
    assert not (tmp_path / "state/state.sqlite").exists()


def rejected(text: str) -> dict[str, float]:
    return {
        reason: value
        for (reason,), value in values(text, "model_labels_rejected_total", "reason").items()
        if value
    }


def test_what_is_no_first_label_is_counted_by_reason(
    tmp_path: Path,
) -> None:
    rows, given, _ = clean()
    for name, disturb, expected in (
        ("repeated", repeated, {"duplicate": 700}),
        ("late", late, {"late": 3000 - len(given)}),
        ("unknown", unknown, {"no_id": 1, "missing": 1, "unknown": 100}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        write_rows(folder / "predictions/p.ndjson", rows)
        write_rows(folder / "labels/l.ndjson", disturb(rows, given)[1])
        assert expected == rejected(metrics(configure(folder)))


def test_windows_take_corrections_in_any_order_and_counters_keep_the_first_label(
    tmp_path: Path,
) -> None:
    rows, given, expected = clean()
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    write_rows(tmp_path / "labels/l.ndjson", corrected(rows, given)[1])
    actual = metrics(configure(tmp_path))
    for name in ("model_performance", "model_label_coverage_ratio", "model_fairness", "model_labels_total"):
        assert told(actual)[name] == pytest.approx(told(expected)[name], rel=1e-9)
    found = rejected(actual)
    wrong = len(given[::7])
    assert wrong == found["correction"] + found["superseded"]
    assert found["correction"] > 0
    assert found["superseded"] > 0
    assert told(actual)["model_outcomes_total"] != told(expected)["model_outcomes_total"]


def run_to_the_end(config: Path, chance: random.Random, crashes: int) -> str:
    """Read all there is with an exporter that is lost again and again; the metrics at the end."""
    for number in range(crashes + 1):
        with closing(Store(config.parent / "state")) as store:
            loaded = load_config(config)
            model = make_model(loaded.models[0], loaded, clock=lambda: NOW, store=store, final=True)
            model.restore()
            for feed in model.feeds:
                feed.source.chunk_size = chance.choice([2_000, 20_000, 100_000])  # type: ignore[attr-defined]
            left = chance.randint(1, 12) if number < crashes else -1
            read(model, left, chance)
            if number == crashes:
                snapshot = take_snapshot([model], reload_successful=True, reload_timestamp=NOW, now=NOW)
                text = render(snapshot, series_limit=10**6).body("text").decode()
            model.close()
    return text


def read(model: ModelRuntime, chunks: int, chance: random.Random) -> None:
    """Read so many chunks (below 0: all), saving now and then."""
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        if chance.random() < 0.3:
            with model.ingest.lock:
                model.save()
        return 0 <= chunks < steps

    model.read(stop)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_crashes_lose_and_repeat_nothing(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rows, given, expected = clean()
    chance = random.Random(seed)  # noqa: S311  # no secret
    folder = tmp_path_factory.mktemp("crashes")
    write_rows(folder / "predictions/p.ndjson", rows)
    write_rows(folder / "labels/l.ndjson", repeated(*shuffled(rows, given))[1])
    same(expected, run_to_the_end(configure(folder), chance, crashes=chance.randint(1, 6)))
