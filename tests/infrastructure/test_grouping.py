"""Signals that are odd together, though none is alone."""

import numpy as np
import pytest

from drift_exporter.errors import ConfigurationError
from drift_exporter.infrastructure.setting_up import make_infrastructure
from support.signals import DAY, HOUR, MINUTE, NOW, WEEK, Clock, Recorded, follow, look, section

TIMES = np.concatenate([np.arange(NOW - 4 * WEEK, NOW - DAY, 300.0), np.arange(NOW - DAY, NOW + DAY, MINUTE)])
TOGETHER = (TIMES > NOW + 20 * MINUTE) & (TIMES <= NOW + 40 * MINUTE)


def normal(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 10, len(TIMES))


MEMORY = {name: (TIMES, np.where(TOGETHER, 134.0, normal(seed))) for seed, name in enumerate(("a", "b", "c"))}
SIGNALS = [{"name": name, "query": name} for name in "abc"]


def test_a_group_tells_what_no_signal_tells_alone() -> None:
    clock = Clock()
    groups = [{"name": "all", "signals": ["a", "b", "c"]}]
    followed = follow(section("http://localhost", SIGNALS, groups=groups), clock, client=Recorded(MEMORY))
    look(followed, clock)
    # The group is learnt once its signals are.
    assert [] == list(followed.snapshot.groups)
    look(followed, clock, NOW + MINUTE)
    anomalous, alone = [], []
    for minute in range(2, 61):
        look(followed, clock, NOW + minute * MINUTE)
        (group,) = followed.snapshot.groups
        assert "all" == group.name
        anomalous += [minute] * group.anomalous
        alone += [minute for signal in followed.snapshot.signals if signal.standing.anomalous]

    assert list(range(22, 43)) == anomalous
    assert [] == alone
    # Without one of its signals nothing is told.
    followed.book.series["b",].recent.newest -= 10
    followed.book.series["b",].deviations.newest -= 10
    followed.update()
    assert [] == list(followed.snapshot.groups)


def test_a_detector_that_is_none_is_refused() -> None:
    groups = [{"name": "all", "signals": ["a", "b"], "detector": "ecodd"}]
    config = section("http://localhost", SIGNALS, groups=groups)
    with pytest.raises(ConfigurationError, match="there is no detector 'ecodd'; did you mean ecod"):
        make_infrastructure(config, [])


def test_too_little_of_the_past_is_tried_again_later() -> None:
    clock = Clock()
    groups = [{"name": "all", "signals": ["a", "b"]}]
    young = {name: (times[-2000:], values[-2000:]) for name, (times, values) in MEMORY.items()}
    followed = follow(section("http://localhost", SIGNALS, groups=groups), clock, client=Recorded(young))
    for minute in range(3):
        look(followed, clock, NOW + 2 * HOUR + minute * MINUTE)

    assert [] == list(followed.snapshot.groups)
    assert not followed.fitter.waiting
    look(followed, clock, clock.now + 11 * MINUTE)
    assert [] == list(followed.snapshot.groups)
