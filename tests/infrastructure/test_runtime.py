"""Signals of a real Prometheus with a month of the past, over outages, restarts and reloads."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.errors import StateError
from drift_exporter.infrastructure.answer import RangeAnswer
from drift_exporter.infrastructure.client import QueryError
from drift_exporter.infrastructure.runtime import Infrastructure
from drift_exporter.state.rows import INFRASTRUCTURE
from drift_exporter.state.store import Store
from support.backfill import Values, backfill, backfilled
from support.servers import Prometheus
from support.signals import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    WEEK,
    Clock,
    Recorded,
    daily,
    follow,
    look,
    section,
    standing,
    told,
)

COARSE = np.arange(NOW - 4 * WEEK, NOW - DAY, 5 * MINUTE)
TIMES = np.concatenate([COARSE, np.arange(NOW - DAY, NOW + DAY, MINUTE)])
RETRANSMITS = daily(TIMES)
SPIKE = (TIMES > NOW + 10 * MINUTE) & (TIMES <= NOW + 20 * MINUTE)
SERIES: Mapping[str, Values] = {
    'retransmits{node="a"}': (TIMES, RETRANSMITS + 300 * SPIKE),
    'retransmits{node="b"}': (TIMES, RETRANSMITS),
    "dips": (TIMES, daily(TIMES, seed=1) - 80 * SPIKE),
    "young": (TIMES[TIMES > NOW - 10 * MINUTE], np.ones(np.count_nonzero(TIMES > NOW - 10 * MINUTE))),
}
SIGNALS = (
    {"name": "retransmits", "query": "sum(retransmits)", "direction": "up"},
    {"name": "dips", "query": "dips", "direction": "up"},
    {"name": "nodes", "query": "count(retransmits)", "forecast": "none"},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data of a Prometheus are."""
    made = tmp_path_factory.mktemp("prometheus")
    backfill(made, SERIES)
    return made


@pytest.fixture(scope="module")
def prometheus(folder: Path) -> Iterator[Prometheus]:
    with backfilled(folder, SERIES) as server:
        yield server


def test_values_and_bands_from_the_first_look_on(prometheus: Prometheus) -> None:
    clock = Clock()
    followed = follow(section(prometheus.url, SIGNALS), clock)
    look(followed, clock)
    found = standing(followed, "retransmits")

    assert 2 * RETRANSMITS[TIMES == NOW][0] == found.value
    assert NOW == found.timestamp
    assert found.expected is not None
    assert found.lower is not None
    assert found.upper is not None
    season = 200 * (1 + 0.3 * np.sin(2 * np.pi * NOW / DAY))
    assert abs(found.expected - season) < 4
    assert season - 40 < found.lower < season - 10
    assert season + 10 < found.upper < season + 40
    assert found.anomalous is False
    assert found.fitted is not None
    assert NOW - 5 * MINUTE < found.fitted <= NOW
    nothing_expected = standing(followed, "nodes")
    assert (2.0, None, None) == (nothing_expected.value, nothing_expected.expected, nothing_expected.score)
    assert dict.fromkeys(("retransmits", "dips", "nodes"), (True, 0)) == told(followed)


def test_new_points_make_an_anomaly_on_the_side_where_harm_lies(prometheus: Prometheus) -> None:
    clock = Clock()
    followed = follow(section(prometheus.url, SIGNALS), clock)
    look(followed, clock)
    found = []
    for minute in range(1, 31):
        look(followed, clock, NOW + minute * MINUTE)
        up, down = standing(followed, "retransmits"), standing(followed, "dips")
        assert NOW + minute * MINUTE == up.timestamp
        assert 0.0 == down.score or 10 >= minute or minute > 20
        found.append((up.anomalous, down.anomalous))

    spike = [minute for minute in range(1, 31) if found[minute - 1][0]]
    assert spike == list(range(11, 23))
    assert {False} == {down for _, down in found}


@pytest.mark.fault("query that is refused, or gives several series")
def test_a_query_that_fails_stops_no_other(prometheus: Prometheus, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    bad = [{"name": "broken", "query": "sum("}, {"name": "many", "query": "retransmits"}]
    followed = follow(section(prometheus.url, [*bad, *SIGNALS, {"name": "none", "query": "no_such"}]), clock)
    with caplog.at_level("INFO"):
        look(followed, clock)
        look(followed, clock, NOW + MINUTE)
        look(followed, clock, NOW + MINUTE)
    problems = {query.name: query.problem for query in followed.snapshot.queries if query.problem}

    good = dict.fromkeys(("retransmits", "dips", "nodes", "none"), (True, 0))
    assert {"broken": (False, 2), "many": (False, 2), **good} == told(followed)
    assert (
        f"{prometheus.url}: query 'sum(': bad_data: 1:5: parse error: unclosed left parenthesis"
        == (problems["broken"])
    )
    assert (
        "query 'retransmits': it gives 2 series, such as "
        '{__name__="retransmits", node="a"} and {__name__="retransmits", node="b"}; wrap it in sum()'
    ) == problems["many"]
    for name in ("broken", "many", "none"):
        assert standing(followed, name).value is None
    # It is said once.
    assert 2 == len(caplog.records)


def test_too_little_of_the_past_makes_no_band(prometheus: Prometheus) -> None:
    clock = Clock()
    followed = follow(section(prometheus.url, [{"name": "young", "query": "young"}]), clock)
    look(followed, clock)
    found = standing(followed, "young")

    assert (1.0, None, None, None) == (found.value, found.expected, found.anomalous, found.fitted)


@pytest.mark.fault("Prometheus gone and back")
def test_what_was_missed_in_an_outage_is_asked_for(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    shutil.copytree(folder / "tsdb", folder / "again/tsdb", ignore=shutil.ignore_patterns("lock"))
    with backfilled(folder / "again", SERIES) as server:
        port = int(server.address.rpartition(":")[2])
        config = section(server.url, SIGNALS)
        followed = follow(config, clock)
        look(followed, clock)
    for minute in range(1, 9):
        look(followed, clock, NOW + minute * MINUTE)
    away = standing(followed, "retransmits")
    # What is expected is there; what is not known is not.
    assert (None, None, None, NOW) == (away.value, away.score, away.anomalous, away.timestamp)
    assert away.expected is not None
    assert dict.fromkeys(("retransmits", "dips", "nodes"), (False, 8)) == told(followed)
    problems = [query.problem for query in followed.snapshot.queries]
    down = f"{config.prometheus}: the connection failed: Connection refused"
    asked = down.replace(": the", ": query 'sum(retransmits)': the")
    assert [asked, f"{down}; it was not asked", f"{down}; it was not asked"] == problems
    # It is said once of all of them.
    assert [f"signal retransmits: {asked}", f"{down}; 2 more signals are not asked for"] == caplog.messages

    with backfilled(folder / "again", SERIES, port=port) as server:
        assert config.prometheus == server.url
        look(followed, clock, NOW + 20 * MINUTE)
        back = follow(config, Clock())
        look(back, back.clock)  # type: ignore[arg-type]
        look(back, back.clock, NOW + 20 * MINUTE)  # type: ignore[arg-type]
        _same(back, followed)
        assert standing(followed, "retransmits").anomalous
        assert dict.fromkeys(("retransmits", "dips", "nodes"), (True, 8)) == told(followed)


def test_a_long_outage_is_asked_for_at_both_resolutions() -> None:
    clock = Clock()
    memory = Recorded({"a": (TIMES, RETRANSMITS)})
    followed = follow(section("http://localhost", [{"name": "a", "query": "a"}]), clock, client=memory)
    look(followed, clock)
    place, coarse = round(NOW / MINUTE), round(NOW / MINUTE) // 5
    recent = 6 * 60 + 30 + 1
    month = [
        ("a", first, min(first + 2015, coarse), 300.0) for first in range(coarse - 8063, coarse + 1, 2016)
    ]
    assert [*month, ("a", place - recent + 1, place, 60.0)] == memory.asked

    memory.asked.clear()
    look(followed, clock, NOW + 5 * MINUTE)
    # Those that may have come late are asked for again.
    assert [("a", place - 4, place + 5, 60.0)] == memory.asked

    memory.asked.clear()
    look(followed, clock, NOW + 8 * HOUR)
    missed = ("a", coarse + 2, coarse + 96, 300.0)
    assert [missed, ("a", place + 480 - recent + 1, place + 480, 60.0)] == memory.asked
    history = followed.book.series["a",].history
    known = history.tail(history.size, history.newest)
    assert np.isfinite(known).all()


@pytest.mark.fault("Prometheus gone at the start")
def test_a_restart_without_a_server_tells_what_is_expected(prometheus: Prometheus, tmp_path: Path) -> None:
    clock = Clock()
    nobody = section("http://127.0.0.1:1", SIGNALS)
    before = follow(section(prometheus.url, SIGNALS), clock, Store(tmp_path))
    before.config = nobody
    with closing(before.keeper.store):  # type: ignore[type-var]
        look(before, clock)
        before.close()
    clock.now += 2 * MINUTE
    with closing(Store(tmp_path)) as store:
        after = follow(nobody, clock, store)
        after.restore()
        look(after, clock)
        found, expected = (standing(one, "retransmits") for one in (after, before))

        assert dict.fromkeys(("retransmits", "dips", "nodes"), (False, 1)) == told(after)
        assert (None, None, None) == (found.value, found.score, found.anomalous)
        # Nothing was learnt anew, and what is saved is as it was.
        assert expected.fitted == found.fitted
        assert expected.expected is not None
        assert found.expected is not None
        assert abs(expected.expected - found.expected) < 2
        assert 0 == after.fitter.seconds


def test_a_restart_asks_for_what_it_missed_only(tmp_path: Path) -> None:
    clock = Clock()
    config = section("http://localhost", [{"name": "a", "query": "a"}])
    with closing(Store(tmp_path)) as store:
        before = follow(config, clock, store, client=Recorded({"a": (TIMES, RETRANSMITS)}))
        look(before, clock)
        # As a crash leaves it: what was saved when it was learnt.
        clock.now += 7 * HOUR
        memory = Recorded({"a": (TIMES, RETRANSMITS)})
        after = follow(config, clock, store, client=memory)
        after.restore()
        look(after, clock)

    place, coarse = round(NOW / MINUTE) + 420, round(NOW / MINUTE) // 5
    assert [("a", coarse + 1, coarse + 84, 300.0), ("a", place - 390, place, 60.0)] == memory.asked
    whole = follow(config, clock, client=Recorded({"a": (TIMES, RETRANSMITS)}))
    look(whole, clock)
    histories = [one.book.series["a",].history for one in (after, whole)]
    saved, asked = (history.tail(history.size, history.newest) for history in histories)
    np.testing.assert_allclose(asked, saved, rtol=1e-7)


def test_counters_outlive_a_restart_and_are_never_ahead_of_it(tmp_path: Path) -> None:
    clock = Clock()
    config = section("http://127.0.0.1:1", SIGNALS)
    with closing(Store(tmp_path)) as store:
        before = follow(config, clock, store)
        look(before, clock)
        look(before, clock, NOW + MINUTE)
        counted = told(before), int(before.snapshot.durations.sum()), before.snapshot.seconds
    after = follow(config, clock, Store(tmp_path))
    with closing(after.keeper.store):  # type: ignore[type-var]
        after.restore()
        assert dict.fromkeys(told(after), 2) == {name: failed for name, (_, failed) in told(after).items()}
        assert counted[1:] == (int(after.snapshot.durations.sum()), after.snapshot.seconds)
        (tmp_path / "state.sqlite").unlink()
        look(after, clock, NOW + 2 * MINUTE)
        assert dict.fromkeys(told(after), (False, 2)) == told(after)


@pytest.mark.fault("state of signals damaged")
def test_a_state_that_is_damaged_is_refused(tmp_path: Path) -> None:
    clock = Clock()
    config = section("http://127.0.0.1:1", SIGNALS)
    with closing(Store(tmp_path)) as store:
        look(follow(config, clock, store), clock)
        with store.changing() as connection:
            connection.execute("UPDATE mark SET value = x'00' WHERE model = ?", [INFRASTRUCTURE])
        with pytest.raises(StateError, match=r"state reset --state-dir .* --model /infrastructure"):
            follow(config, clock, store).restore()


def test_a_reload_keeps_what_is_as_before(tmp_path: Path) -> None:
    clock = Clock()
    memory = Recorded({name: (TIMES, daily(TIMES, seed=seed)) for seed, name in enumerate("abcd")})
    config = section("http://localhost", [{"name": name, "query": name} for name in "abc"])
    with closing(Store(tmp_path)) as store:
        before = follow(config, clock, store, client=memory)
        look(before, clock)
        told_before = before.snapshot
        before.stop()
        memory.asked.clear()
        signals = [
            {"name": "a", "query": "a", "direction": "down"},
            {"name": "b", "query": "d"},
            {"name": "new", "query": "c"},
        ]
        after = follow(section("http://localhost", signals), clock, store, client=memory)
        after.adopt(before)
        same, other = standing(after, "a"), standing(after, "b")
        assert told_before.signals[0].standing.value == same.value
        assert told_before.signals[0].standing.fitted == same.fitted
        assert other.value is None
        look(after, clock, NOW + MINUTE)
        after.close()
        again = follow(section("http://localhost", signals), clock, store, client=memory)
        again.restore()
        assert {"a", "b", "new"} == {signal.name for signal in again.snapshot.signals}
        state = store.load(INFRASTRUCTURE)
        assert state is not None
        assert {"counters", '["a"]', '["b"]', '["new"]'} == set(state.marks)

    asked = {query: steps for query, _, _, steps in memory.asked}
    assert {"a": 60.0, "d": 60.0, "c": 60.0} == asked
    assert {"d", "c"} == {query for query, _, _, step in memory.asked if step == 300.0}


def test_what_comes_after_the_end_is_not_taken() -> None:
    clock = Clock()

    class Stopping(Recorded):
        def ask(self, query: str, start: int, end: int, step: float) -> RangeAnswer:
            running.stop()
            return super().ask(query, start, end, step)

    memory = Stopping({"a": (TIMES, RETRANSMITS)})
    running = follow(section("http://localhost", [{"name": "a", "query": "a"}]), clock, client=memory)
    look(running, clock)

    assert 1 == len(memory.asked)
    assert {"a": (None, 0)} == told(running)
    assert -1 == running.book.series["a",].history.newest


def test_those_that_had_no_turn_come_first() -> None:
    clock, timer = Clock(), Clock(0.0)

    class Slow(Recorded):
        def ask(self, query: str, start: int, end: int, step: float) -> RangeAnswer:
            timer.now += 10.0
            if query == "b":
                raise QueryError("too slow")
            return super().ask(query, start, end, step)

    names = "abcd"
    memory = Slow(dict.fromkeys(names, (TIMES[-2900:], RETRANSMITS[-2900:])))
    signals = [{"name": name, "query": name, "forecast": "none"} for name in names]
    config = section("http://localhost", signals, step="15s", history_step="5m")
    followed = follow(config, clock, client=memory, timer=timer)

    assert not followed.look()
    assert {"a": (True, 0), "b": (False, 1), "c": (None, 0), "d": (None, 0)} == told(followed)
    assert followed.look()
    assert {"a": (True, 0), "b": (False, 1), "c": (True, 0), "d": (True, 0)} == told(followed)


def _same(one: Infrastructure, other: Infrastructure) -> None:
    for key in one.book.series:
        for grid in ("recent", "history", "deviations", "residuals"):
            first, second = (getattr(which.book.series[key], grid) for which in (one, other))
            np.testing.assert_array_equal(
                first.tail(first.size, first.newest), second.tail(second.size, second.newest)
            )


def test_a_young_signal_has_a_band_after_an_hour() -> None:
    clock = Clock()
    times = np.arange(NOW + MINUTE, NOW + 6 * HOUR, MINUTE)
    values = np.random.default_rng(0).normal(10, 1, len(times))
    memory = Recorded({"a": (times, values)})
    followed = follow(section("http://localhost", [{"name": "a", "query": "a"}]), clock, client=memory)
    first = None
    for minute in range(0, 90, 5):
        look(followed, clock, NOW + minute * MINUTE)
        found = standing(followed, "a")
        if found.expected is not None:
            first = first or minute
            assert found.lower is not None
            assert found.upper is not None
            assert found.lower < 10 < found.upper

    assert first is not None
    assert 60 <= first <= 75
