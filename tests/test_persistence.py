"""A shift that has to hold for several evaluations, through the model and over restarts and reloads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import WindowSnapshot
from drift_exporter.state.store import Store
from support.records import NOW, Setup, ndjson, record

MINUTE = 60


@pytest.fixture
def made(tmp_path: Path) -> Setup:
    return Setup(tmp_path, windows=["1h"], drift={"persistence": 3})


@contextmanager
def running(made: Setup) -> Iterator[ModelRuntime]:
    config = made.config
    store = Store(config.state_dir)
    model = make_model(config.models[0], config, clock=lambda: NOW, store=store)
    model.restore()
    try:
        yield model
    finally:
        model.evaluate()
        model.close()
        store.close()


def judged(made: Setup, model: ModelRuntime, minute: int, amount: int = 99) -> WindowSnapshot:
    """Read 100 shifted records of a minute, and evaluate."""
    records = [
        record(ts=NOW - 1800 + MINUTE * minute, features={"amount": amount, "country": "a"})
        for _ in range(100)
    ]
    with (made.logs / "a.ndjson").open("ab") as log:
        log.write(ndjson(*records))
    model.read()
    (window,) = model.evaluate()[0].versions[0].windows
    return window


def test_it_counts_from_the_third_evaluation_on_also_over_a_restart(made: Setup) -> None:
    found = []
    for minutes in ((0,), (1, 2), (3,)):
        with running(made) as model:
            found += [judged(made, model, minute) for minute in minutes]

    assert [None, None] == [window.dataset_confidence for window in found[:2]]
    assert [None, None] == [window.drifted_ratio for window in found[:2]]
    assert all(window.dataset_confidence > 0.99 for window in found[2:] if window.dataset_confidence)
    assert [1.0, 1.0] == [window.drifted_ratio for window in found[2:]]
    # What each evaluation says of a column is told from the first on.
    assert all(window.columns[0].confidence > 0.99 for window in found)


def test_an_evaluation_without_news_is_none(made: Setup) -> None:
    with running(made) as model:
        judged(made, model, 0)
        for _ in range(5):
            assert model.evaluate()[0].versions[0].windows[0].dataset_confidence is None


def test_a_reload_goes_on(made: Setup) -> None:
    with running(made) as old:
        for minute in range(2):
            judged(made, old, minute)
        made.config_path.write_text(
            made.config_path.read_text().replace('"persistence": 3', '"persistence": 2')
        )
        new = made.model()
        new.adopt(old)
        (window,) = new.evaluate()[0].versions[0].windows
        new.close()
    assert window.dataset_confidence is not None
