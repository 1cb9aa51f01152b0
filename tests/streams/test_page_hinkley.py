"""The Page-Hinkley test against river's, row for row, and its run length by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import PageHinkley as RiverPageHinkley

from drift_exporter.streams.page_hinkley import PageHinkley
from support.streams import in_pieces, steps


@pytest.mark.parametrize("mode", ["up", "down", "both"])
@pytest.mark.parametrize("seed", range(3))
def test_alarms_are_those_of_river_row_for_row(mode: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    binary = steps(seed, [(3_000, 0.1), (3_000, 0.3), (3_000, 0.05), (2_000, 0.8)])
    scores = np.concatenate([random.beta(2, 5, 4_000), random.beta(3, 4, 4_000), random.beta(1, 9, 2_000)])
    for values in (binary, scores):
        # With its forgetting factor at 1, which is the test as published.
        river = RiverPageHinkley(min_instances=30, delta=0.01, threshold=8.0, alpha=1.0, mode=mode)
        theirs = []
        for row, value in enumerate(values.tolist()):
            river.update(value)
            if river.drift_detected:
                theirs.append(row)
        detector = PageHinkley(0.01, 8.0, up=mode != "down", down=mode != "up")

        ours = detector.update(detector.start(), values).alarms

        assert len(theirs) >= 1
        assert theirs == list(ours)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), max_size=900),
    st.lists(st.integers(0, 300), max_size=12),
    st.sampled_from([(None, None), (0.0001, 0.5)]),
)
def test_it_makes_no_difference_how_values_are_cut(
    values: list[float], cuts: list[int], options: tuple[float | None, float | None]
) -> None:
    detector, stream = PageHinkley(*options), np.array(values)

    whole = detector.update(detector.start(), stream)
    state, alarms = in_pieces(detector, stream, cuts)

    detector.check(state)
    assert whole.state == state
    assert list(whole.alarms) == alarms


def test_after_an_alarm_it_begins_anew() -> None:
    detector = PageHinkley()
    step = detector.update(detector.start(), steps(1, [(20_000, 0.1), (2_000, 0.5)]))

    assert 1 == len(step.alarms)
    assert 20_000 <= step.alarms[0] <= 20_100
    assert 22_000 - step.alarms[0] - 1 == step.state["values"]
    mean = detector.mean(step.state)
    assert mean is not None
    assert 0.5 == pytest.approx(mean, abs=0.05)


@pytest.mark.parametrize("share", [0.001, 0.03, 0.5, 0.99])
def test_a_stream_without_a_change_raises_no_alarm_in_a_million_values(share: float) -> None:
    detector = PageHinkley()
    assert [] == list(detector.update(detector.start(), steps(7, [(1_000_000, share)])).alarms)


@pytest.mark.parametrize("change", [{"values": -1}, {"values": 1.5}, {"sum": None}, {"rising": "x"}])
def test_a_damaged_state_is_refused(change: dict[str, object]) -> None:
    detector = PageHinkley()
    detector.check(detector.start())
    with pytest.raises(ValueError, match="the stream's"):
        detector.check({**detector.start(), **change})
