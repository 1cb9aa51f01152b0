"""What is known of odd records outlives restarts and crashes, and a damaged state is noticed."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drift_exporter.anomalies.saved import FOUND, TOKENS
from drift_exporter.errors import StateError
from drift_exporter.runtime import ModelRuntime
from drift_exporter.state.check import check_state
from drift_exporter.state.references import fingerprints_in_use, layouts_in_use
from drift_exporter.state.rows import Changes, Document, ModelState
from drift_exporter.state.show import show_state, state_json
from drift_exporter.state.store import Store
from drift_exporter.state.summary import summarize
from support.anomalies import Odd, found_in, rows
from support.records import NOW
from support.states import run


def known(model: ModelRuntime) -> dict[object, object]:
    """All that a model knows of odd records."""
    anomalies = model.ingest.anomalies
    assert anomalies is not None
    counted: dict[object, object] = {
        place: (
            one.totals.tolist(),
            [{start: part.counts.tolist() for start, part in own.items()} for own in one.ring.slices],
            one.examples.spans,
            one.exemplars,
        )
        for place, one in anomalies.tallied.items()
    }
    return {**counted, "buckets": anomalies.buckets}


def records() -> list[dict[str, object]]:
    """Of two versions, some odd, three of each second."""
    found = rows(1_500, 6, odd=range(0, 1_500, 40), every=1 / 3)
    return [one | {"version": f"v{i % 3 // 2}"} for i, one in enumerate(found)]


def test_pieces_and_restarts_give_what_the_whole_log_gives(tmp_path: Path) -> None:
    anomaly = [{"detector": "ecod", "show": "all"}, {"detector": "copod", "contamination": 0.05}]
    both = [Odd(tmp_path / name) for name in ("whole", "pieces")]
    for setup in both:
        setup.anomaly = anomaly
        setup.write()
    whole, pieces = both
    whole.log(*records())
    expected = known(run(whole))
    for start in range(0, 1_500, 400):
        pieces.log(*records()[start : start + 400])
        model = run(pieces)
    assert expected == known(model)
    assert 5 == len(expected)


def test_how_many_are_scored_does_not_depend_on_the_pieces_either(tmp_path: Path) -> None:
    whole, pieces = (Odd(tmp_path / name, rate=1) for name in ("whole", "pieces"))
    whole.log(*records())
    expected = found_in(run(whole).evaluate()[0], "v0")["ecod"]
    for start in range(0, 1_500, 170):
        pieces.log(*records()[start : start + 170])
        model = run(pieces)
    both = [found_in(model.evaluate()[0], version)["ecod"] for version in ("v0", "v1")]
    # A minute's worth at first, then one a second.
    assert (60 + 500, 1_500 - 560) == (
        sum(found.scored for found in both),
        sum(found.skipped for found in both),
    )
    assert abs(expected.scored - both[0].scored) < 60


def test_what_was_not_saved_before_a_crash_is_counted_once_again(tmp_path: Path) -> None:
    setup, other = Odd(tmp_path / "killed", rate=1), Odd(tmp_path / "clean", rate=1)
    for one in (setup, other):
        one.log(*records()[:700])
        run(one)
        one.log(*records()[700:])
    with closing(Store(setup.config.state_dir)) as store:
        model = setup.model(store=store)
        model.restore()
        model.read()
        model.close()
    assert known(run(other)) == known(run(setup))


def test_a_detector_that_comes_back_goes_on_where_it_was(tmp_path: Path) -> None:
    setup = Odd(tmp_path, windows=["1h"])
    setup.log(*rows(100, 2, odd=[7]))
    before = known(run(setup))
    setup.anomaly = {"detector": "copod"}
    setup.write()
    setup.log(*rows(50, 3))
    assert ["copod"] == list(found_in(run(setup).evaluate()[0]))
    setup.anomaly = {"detector": "ecod"}
    setup.write()
    after = known(run(setup))
    # Its examples were not kept by the other, its counts were.
    assert [before["v1", "ecod"][:2], {}, {}] == [after["v1", "ecod"][:2], *after["v1", "ecod"][2:]]  # type: ignore[index]


def test_without_detectors_nothing_is_kept_and_other_counts_go_on(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(100, 2, odd=[7]))
    run(setup)
    setup.anomaly = []
    setup.write()
    setup.log(*rows(100, 3))
    model = run(setup)
    assert model.ingest.anomalies is None
    assert 200 == model.ingest.totals["v1"].predictions
    setup.anomaly = {"detector": "ecod"}
    setup.write()
    assert 100 == found_in(run(setup).evaluate()[0])["ecod"].scored


def test_what_is_too_old_goes_from_the_state_too(tmp_path: Path) -> None:
    setup = Odd(tmp_path, windows=["1h"])
    setup.log(*rows(300, 7, every=30, odd=[4]))
    run(setup)
    setup.log(*rows(3, 8, end=NOW + 30 * 3600))
    model = run(setup, NOW + 30 * 3600)
    with closing(Store(setup.config.state_dir)) as store:
        state = store.load("fraud")
    assert state is not None
    own = [part for part in state.slices if part.fingerprint.startswith("anomaly-")]
    assert 1 == len(own)
    assert 303 == sum(found_in(model.evaluate()[0])["ecod"].scores.counts)
    assert [] == [one for one in state.versions["v1"][FOUND]["ecod"]["examples"] if one[0] < NOW * 1e6]


def saved(folder: Path) -> ModelState:
    with closing(Store(folder)) as store:
        state = store.load("fraud")
    assert state is not None
    return state


def save(folder: Path, state: ModelState) -> None:
    with closing(Store(folder)) as store:
        store.save("fraud", Changes(state))


def test_a_state_with_odd_records_is_fine(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(500, 2, odd=[7]))
    run(setup)
    findings = check_state(tmp_path / "state", layouts_in_use(setup.config))
    assert ([], []) == (findings.problems, findings.notes)
    shown = show_state(summarize(tmp_path / "state"), fingerprints_in_use(setup.config)).splitlines()
    (line,) = [line for line in shown if "anomaly-ecod-" in line]
    assert ["1h", "10,", "24h", "2"] == line.split()[1:]
    assert 1 == state_json(summarize(tmp_path / "state"), fingerprints_in_use(setup.config)).count("in_use")


def test_counts_of_another_length_are_told_and_refused(tmp_path: Path) -> None:
    setup = Odd(tmp_path, windows=["1h"])
    setup.log(*rows(60, 7))
    run(setup)
    state = saved(tmp_path / "state")

    def cut(parts: Any) -> Any:  # noqa: ANN401  # counts or slices
        return [
            replace(part, counts=part.counts[:-1]) if part.fingerprint.startswith("anomaly-") else part
            for part in parts
        ]

    save(tmp_path / "state", replace(state, slices=cut(state.slices)))
    problems = check_state(tmp_path / "state", layouts_in_use(setup.config)).problems
    assert 2 == len(problems)
    assert all("13 counts of anomalies where there should be 14" in problem for problem in problems)
    with pytest.raises(ValueError, match="13 counts of anomalies"):
        run(setup)
    save(tmp_path / "state", replace(state, counts=cut(state.counts)))
    (problem,) = check_state(tmp_path / "state").problems
    assert "13 counts of anomalies where there should be 14" in problem


EXAMPLE = [1, 0.5, None, "t", [["feature", "a", 0.5, None]]]


@pytest.mark.parametrize(
    ("of_model", "of_version"),
    [
        ({TOKENS: [1]}, {}),
        ({TOKENS: {"ecod": [1]}}, {}),
        ({TOKENS: {"ecod": ["1", 2]}}, {}),
        ({TOKENS: {"ecod": [True, None]}}, {}),
        ({}, {FOUND: 3}),
        ({}, {FOUND: {"ecod": {}}}),
        ({}, {FOUND: {"ecod": {"fingerprint": 1, "exemplars": {}, "examples": []}}}),
        ({}, {FOUND: {"ecod": {"fingerprint": "", "exemplars": {"x": ["a", "b", 1, 2]}, "examples": []}}}),
        ({}, {FOUND: {"ecod": {"fingerprint": "", "exemplars": {"1": ["a", "b", 1]}, "examples": []}}}),
        *(
            ({}, {FOUND: {"ecod": {"fingerprint": "", "exemplars": {}, "examples": [one]}}})
            for one in (
                [1.5, *EXAMPLE[1:]],
                [1, "x", *EXAMPLE[2:]],
                [*EXAMPLE[:2], 3, *EXAMPLE[3:]],
                [*EXAMPLE[:4], [["feature", "a", 0.5]]],
                [*EXAMPLE[:4], [["colour", "a", 0.5, None]]],
            )
        ),
    ],
)
def test_documents_that_are_damaged_are_told_and_refused(
    tmp_path: Path, of_model: Document, of_version: Document
) -> None:
    setup = Odd(tmp_path, windows=["1h"])
    setup.log(*rows(60, 7))
    run(setup)
    state = saved(tmp_path / "state")
    versions = {"v1": {**state.versions["v1"], **of_version}}
    save(tmp_path / "state", replace(state, counters={**state.counters, **of_model}, versions=versions))
    assert 1 == len(check_state(tmp_path / "state").problems)
    with pytest.raises(StateError, match="is damaged"):
        run(setup)
