"""Since when performance is off: from labels by predicted class, slice by slice."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.config import load_config
from drift_exporter.config.schema import Model
from drift_exporter.count.tally import Answers, Tally, TallyLayout, count_answers
from drift_exporter.judge.onset import Onsets
from drift_exporter.outcomes.dating import tolerated_psi, with_onsets
from drift_exporter.outcomes.estimating import Basis
from drift_exporter.outcomes.judging import CapturedOutcomes, CapturedWindow
from drift_exporter.outcomes.model import Labelled
from drift_exporter.reference.outcomes import ReferenceOutcomes
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import Onset, OutcomesSnapshot, PerformanceWindow
from drift_exporter.window.slices import MICROSECONDS, Window
from support.records import Setup, usual_reference

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HOUR = 3600
LAYOUT = TallyLayout("binary", ("0", "1"), (), (), (), 0)
REFERENCE = ReferenceOutcomes(20_000, ("0", "1"), confusion=np.array([[9000, 1000], [2000, 8000]]))
BASIS = Basis(usual_reference(), REFERENCE, None, None)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Setup(tmp_path).config.models[0]


def tallies(random: np.random.Generator, wrong: float, share: float = 0.5, size: int = 200) -> Tally:
    """One slice of predictions, a ``share`` of which is 1; 0 is ``wrong`` that often, and 1 in 20 %."""
    predicted = (random.random(size) < share).astype(np.int64)
    labels = predicted ^ (random.random(size) < np.where(predicted == 1, 0.2, wrong))
    answers = Answers((), predicted, np.zeros((0, size)), np.zeros((size, 0)), labels)
    (tally,) = count_answers(LAYOUT, answers, np.zeros(size, dtype=np.int64), 1)
    return tally


def captured(windows: list[tuple[str, int, list[Tally]]], basis: Basis | None = BASIS) -> CapturedOutcomes:
    """Windows by name, length of slices in hours, and slices, the last of which ends at 1,000 hours."""
    end = 1000 * HOUR * MICROSECONDS
    made = []
    for name, hours, slices in windows:
        length = hours * HOUR * MICROSECONDS
        starts = tuple(end - length * ago for ago in range(len(slices), 0, -1))
        made.append(CapturedWindow(Window(name, length * len(slices), length), end, tuple(slices), starts))
    return CapturedOutcomes(LAYOUT, made[0].tallies[0], Labelled(), None, basis, tuple(made))


def dated(
    model: Model, found: CapturedOutcomes, onsets: Onsets | None = None, concept: float = 0.99
) -> list[Onset | None]:
    """The onset of each window, all of which are likely off."""
    windows = tuple(
        PerformanceWindow(one.window.name, 0.0, 1000.0 * HOUR, 1, 1, {}, {}, concept_confidence=concept)
        for one in found.windows
    )
    snapshot = OutcomesSnapshot(None, None, (), None, windows)
    told = with_onsets(onsets or Onsets(), model, "1", found, snapshot)
    return [one.since for one in told.windows]


def test_it_is_when_labels_began_to_be_others_for_the_same_answer(model: Model) -> None:
    random = np.random.default_rng(1)
    # More answers are 1 from the 20th slice on, which is no concern of performance.
    slices = [tallies(random, 0.1 if i < 40 else 0.3, 0.4 if i < 20 else 0.7) for i in range(60)]
    (found,) = dated(model, captured([("60h", 1, slices)]))
    assert found is not None
    assert 980.0 * HOUR == found.time
    assert found.earliest is not None
    assert found.latest is not None
    assert found.earliest < found.time < found.latest


def test_it_is_dated_once_and_only_while_it_is_likely_off(model: Model) -> None:
    random, onsets = np.random.default_rng(2), Onsets()
    shifted = captured([("60h", 1, [tallies(random, 0.1 if i < 40 else 0.4) for i in range(60)])])
    usual = captured([("60h", 1, [tallies(random, 0.1) for i in range(60)])])
    (first,) = dated(model, shifted, onsets)
    assert first is not None
    assert [first] == dated(model, usual, onsets)
    assert [None] == dated(model, usual, onsets, concept=0.5)


def test_a_shorter_window_asks_the_longer_ones(model: Model) -> None:
    random = np.random.default_rng(3)
    week = [tallies(random, 0.1 if i < 50 else 0.4) for i in range(100)]
    (short, long) = dated(model, captured([("20h", 1, week[-20:]), ("100h", 1, week)]))
    assert short == long
    assert long is not None
    assert 950.0 * HOUR == long.time


def test_what_was_there_before_is_told_so(model: Model) -> None:
    random = np.random.default_rng(4)
    (found,) = dated(model, captured([("20h", 1, [tallies(random, 0.4) for _ in range(20)])]))
    assert found == Onset(980.0 * HOUR, before=True)


@pytest.mark.parametrize(
    "basis",
    [None, replace(BASIS, outcomes=ReferenceOutcomes(100, ("0", "1"), confusion=np.zeros((2, 2), np.int64)))],
)
def test_without_labels_of_the_reference_there_is_no_telling(model: Model, basis: Basis | None) -> None:
    slices = [tallies(np.random.default_rng(5), 0.4)]
    assert [None] == dated(model, captured([("1h", 1, slices)], basis))


def test_without_a_label_there_is_no_telling(model: Model) -> None:
    nothing = Tally(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros((1, 0)))
    assert [None] == dated(model, captured([("1h", 1, [nothing])]))


def test_what_is_tolerated_is_a_share_of_the_rarer_answers() -> None:
    before, after = np.array([0.9, 0.1]), np.array([0.89, 0.11])
    psi = float(((after - before) * np.log(after / before)).sum())
    assert tolerated_psi(0.9, 0.1) == pytest.approx(psi)
    assert tolerated_psi(0.1, 0.1) == pytest.approx(psi)
    assert 0 < tolerated_psi(1.0, 0.1) < 1e-6


def test_the_incident_of_the_example_is_found_to_the_minute(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "fraud", tmp_path / "fraud", ignore=shutil.ignore_patterns("data"))
    config = load_config(folder / "config.yml")
    model = make_model(config.models[0], config, final=True)
    while model.read():
        pass
    (version,) = model.evaluate()[0].versions
    model.close()
    assert version.outcomes is not None
    hour = version.outcomes.windows[0]
    assert hour.since is not None
    # 2018-05-01 00:35 UTC, ten minutes before the end of the log.
    assert 1525134900.0 == hour.since.time
    columns = {one.column.name: one.since for one in version.windows[0].columns if one.drifted}
    assert {1525134900.0} == {one.time for one in columns.values() if one is not None}
    assert {"salary_range", "repaid_loan_on_prev_car"} <= set(columns)
