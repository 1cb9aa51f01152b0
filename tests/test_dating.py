"""When shifts began that nobody saw begin: after a start, in ``report`` and ``once``, over gaps."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.dating import date_columns
from drift_exporter.evaluation import Durations, capture
from drift_exporter.judge.change_point import Change
from drift_exporter.judge.onset import onset_of
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import Onset
from drift_exporter.state.store import Store
from support.records import NOW, Setup, ndjson, record, reference

MINUTE, HOUR = 60.0, 3600.0


def setup(folder: Path, *windows: str) -> Setup:
    """A model with these windows, whose reference is large enough for a shift of some hours to be likely."""
    columns = (
        numeric_column("amount", "feature", np.tile(np.arange(100.0), 100)),
        categorical_column("country", "feature", {"a": 4000, "b": 3000, "é": 2000, "1": 1000}, 0, 50),
        categorical_column("prediction", "prediction", {"yes": 6000, "no": 4000}, 0, 50),
    )
    return Setup(folder, windows=windows, references=reference(*columns))


@contextmanager
def running(made: Setup) -> Iterator[ModelRuntime]:
    store = Store(made.config.state_dir)
    model = make_model(made.config.models[0], made.config, clock=lambda: NOW, store=store)
    model.restore()
    try:
        yield model
    finally:
        model.save()
        model.close()
        store.close()


def write(made: Setup, name: str, times: list[float], country: str = "") -> None:
    """50 records at each time, as those of the reference or all of one country."""
    found = [
        record(
            time,
            features={"amount": i * 2 % 100, "country": country or "aaaabbbéé1"[i % 10]},
            prediction="yes" if i % 5 < 3 else "no",
        )
        for time in times
        for i in range(50)
    ]
    (made.logs / name).write_bytes(ndjson(*found))


def since(model: ModelRuntime, window: str = "24h") -> Onset | None:
    """The onset of the country's shift in a window; no other column has one."""
    while model.read():
        pass
    (version,) = model.evaluate()[0].versions
    (shown,) = (one for one in version.windows if one.name == window)
    found = {one.column.name: one.since for one in shown.columns}
    country = found.pop("country")
    assert {None} == set(found.values())
    return country


def hours(first: int, last: int) -> list[float]:
    """Times every half an hour, so many hours before now."""
    return [NOW - HOUR * i / 2 for i in range(2 * first, 2 * last, -1)]


def check(found: Onset | None, ago: float, within: float) -> None:
    """It was found, and there."""
    assert found is not None
    assert not found.before
    assert abs(found.time - (NOW - ago)) <= within
    assert found.earliest is not None
    assert found.latest is not None
    assert found.earliest <= NOW - ago <= found.latest


def test_it_is_found_in_all_that_is_read_at_once_and_remembered(tmp_path: Path) -> None:
    made = setup(tmp_path, "24h")
    write(made, "a.ndjson", hours(23, 8))
    write(made, "b.ndjson", hours(8, 0), "a")
    model = made.model()
    found = since(model)
    check(found, 8 * HOUR, 15 * MINUTE)
    write(made, "c.ndjson", [NOW], "a")
    assert found == since(model)
    model.close()


def test_it_is_found_again_after_a_restart(tmp_path: Path) -> None:
    made = setup(tmp_path, "24h")
    write(made, "a.ndjson", hours(23, 8))
    with running(made) as model:
        assert None is since(model)
    write(made, "b.ndjson", hours(8, 1), "a")
    with running(made) as model:
        found = since(model)
        check(found, 8 * HOUR, 15 * MINUTE)
    with running(made) as model:
        assert found == since(model)


def test_a_shorter_window_asks_those_that_reach_further_back(tmp_path: Path) -> None:
    made = setup(tmp_path, "1h", "24h", "7d")
    write(made, "a.ndjson", hours(160, 50))
    write(made, "b.ndjson", hours(50, 0), "a")
    model = made.model()
    found = [since(model, window) for window in ("1h", "24h", "7d")]
    model.close()
    for one in found:
        check(one, 50 * HOUR, HOUR)


def test_what_is_older_than_all_that_is_kept_is_so(tmp_path: Path) -> None:
    made = setup(tmp_path, "1h", "24h")
    write(made, "a.ndjson", hours(40, 0), "a")
    model = made.model()
    found = since(model)
    assert found is not None
    assert (True, None) == (found.before, found.earliest)
    assert abs(found.time - (NOW - 24 * HOUR)) <= HOUR
    assert found == since(model, "1h")
    model.close()


def test_without_a_longer_window_the_shorter_one_tells_how_far_back_it_knows(tmp_path: Path) -> None:
    made = setup(tmp_path, "1h", "24h")
    write(made, "a.ndjson", [NOW - 300], "a")
    model = made.model()
    found = since(model, "1h")
    assert found == Onset((NOW - 300) // MINUTE * MINUTE, before=True)
    model.close()


def test_an_onset_over_a_gap_may_have_been_anywhere_in_it(tmp_path: Path) -> None:
    made = setup(tmp_path, "24h")
    write(made, "a.ndjson", hours(23, 12))
    write(made, "b.ndjson", hours(6, 0), "a")
    model = made.model()
    found = since(model)
    model.close()
    assert found is not None
    assert found.earliest is not None
    # The last time of before is 12.5 hours ago.
    assert abs(found.earliest - (NOW - 12.5 * HOUR)) <= 15 * MINUTE
    assert abs(found.time - (NOW - 6 * HOUR)) <= 15 * MINUTE


def test_a_rolling_reference_dates_its_windows_as_well(tmp_path: Path) -> None:
    made = Setup(tmp_path, windows=["24h"], reference={"rolling": "7d", "offset": "1d"}, references=None)
    write(made, "a.ndjson", hours(190, 10))
    write(made, "b.ndjson", hours(10, 0), "a")
    model = made.model()
    check(since(model), 10 * HOUR, 15 * MINUTE)
    model.close()


@pytest.mark.parametrize(
    ("change", "onset"),
    [
        (Change(0, 0, 0), Onset(10.0, before=True)),
        (Change(0, 0, 1), Onset(10.0, before=True, latest=30.0)),
        (Change(1, 0, 1), Onset(20.0, latest=30.0)),
        (Change(2, 1, 2), Onset(50.0, earliest=10.0, latest=52.0)),
        (Change(2, 2, 2), Onset(50.0, earliest=20.0, latest=52.0)),
    ],
)
def test_times_of_places_between_slices(change: Change, onset: Onset) -> None:
    starts = np.array([10, 20, 50]) * 1_000_000
    assert onset == onset_of(starts, 10_000_000, 52_000_000, change)


def test_slices_of_other_bins_tell_nothing(tmp_path: Path) -> None:
    made = setup(tmp_path, "24h")
    write(made, "a.ndjson", hours(23, 0), "a")
    model = made.model()
    assert since(model) is not None
    ((window, _),) = capture(model.ingest, Durations(()))[1]["v1"]
    (version,) = model.evaluate()[0].versions
    columns = [one for one in version.windows[0].columns if one.column.name == "country"]
    other = reference(columns[0].column)
    assert [None] == date_columns(model.ingest, "v1", window, other, columns)
    model.close()
