"""DDM against river's, row for row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift.binary import DDM

from drift_exporter.streams.ddm import Ddm
from support.streams import in_pieces, steps

AS_PUBLISHED = Ddm(warning=2.0, threshold=3.0, minimum=30, minimum_errors=0)


@pytest.mark.parametrize("seed", range(6))
def test_alarms_and_warnings_are_those_of_river_row_for_row(seed: int) -> None:
    values = steps(seed, [(2_000, 0.1), (1_000, 0.3), (3_000, 0.05), (500, 0.9)])
    river, theirs, warned = DDM(warm_start=30, warning_threshold=2.0, drift_threshold=3.0), [], []
    state, ours, warns = AS_PUBLISHED.start(), [], []
    for row, value in enumerate(values.tolist()):
        river.update(value)
        theirs += [row] if river.drift_detected else []
        warned += [row] if river.warning_detected else []
        step = AS_PUBLISHED.update(state, np.array([value]))
        state = step.state
        ours += [row] if step.alarms else []
        warns += [row] if AS_PUBLISHED.warns(state) else []

    assert len(theirs) >= 2
    assert theirs == ours
    assert theirs == list(AS_PUBLISHED.update(AS_PUBLISHED.start(), values).alarms)
    assert len(warned) >= 20
    assert warned == warns


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1.0]), max_size=900),
    st.lists(st.integers(0, 300), max_size=12),
    st.sampled_from([Ddm(), AS_PUBLISHED]),
)
def test_it_makes_no_difference_how_values_are_cut(
    values: list[float], cuts: list[int], detector: Ddm
) -> None:
    stream = np.array(values)

    whole = detector.update(detector.start(), stream)
    state, alarms = in_pieces(detector, stream, cuts)

    detector.check(state)
    assert whole.state == state
    assert list(whole.alarms) == alarms


def test_the_first_error_of_many_values_is_no_change() -> None:
    values = np.zeros(1_000)
    values[900] = 1.0

    assert [900] == list(AS_PUBLISHED.update(AS_PUBLISHED.start(), values).alarms)
    assert [] == list(Ddm().update(Ddm().start(), values).alarms)


def test_fewer_errors_are_no_change() -> None:
    detector = Ddm()
    step = detector.update(detector.start(), steps(3, [(10_000, 0.5), (10_000, 0.1)]))
    assert [] == list(step.alarms)
    assert False is detector.warns(step.state)


@pytest.mark.parametrize(
    "change",
    [{"values": -1}, {"errors": 5}, {"errors": 0.5}, {"share": 0.5}, {"share": 2, "deviation": 0.1}],
)
def test_a_damaged_state_is_refused(change: dict[str, object]) -> None:
    detector = Ddm()
    detector.check(detector.start())
    with pytest.raises(ValueError, match="the stream's"):
        detector.check({**detector.start(), **change})
