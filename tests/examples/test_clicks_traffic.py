"""What the logs of the example with late labels hold, and how they are replayed."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clicks.replay import PREDICTIONS, label_log, replay, weeks
from clicks.traffic import DAY, WEEK, Event, Traffic, reference_lines, traffic

END = 1_483_228_800.0
PER_DAY = 1_000


@pytest.fixture(scope="module")
def made() -> Traffic:
    return traffic(END, PER_DAY)


def records(events: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(event.line) for event in events]


def day(event: Event, made: Traffic) -> int:
    return int((event.time - made.start) // DAY)


def test_two_weeks_in_order_of_time_to_the_end(made: Traffic) -> None:
    times = [event.time for event in made.predictions]
    assert 14 * PER_DAY == len(times)
    assert sorted(set(times)) == times
    assert made.start <= times[0]
    assert times[-1] < made.end == END
    assert END - WEEK == made.turn
    for event, record in zip(made.predictions[:50], records(made.predictions[:50]), strict=True):
        assert abs(event.time - datetime.fromisoformat(record["ts"]).timestamp()) < 0.001
    ids = Counter(record["request_id"] for record in records(made.predictions))
    assert {1} == set(ids.values())


@pytest.mark.parametrize("end", [END, END + 0.4 * DAY])
def test_every_day_has_as_many_and_its_afternoon_the_most(end: float) -> None:
    made = traffic(end, PER_DAY)
    assert dict.fromkeys(range(14), PER_DAY) == Counter(day(event, made) for event in made.predictions)
    hours = Counter(int(event.time % DAY // 3600) for event in made.predictions)
    # 1 + 0.6 cos of the time of day: from 0.4 to 1.6 of the mean.
    assert abs(hours[14] / (14 * PER_DAY / 24) - 1.6) < 0.02
    assert abs(hours[2] / (14 * PER_DAY / 24) - 0.4) < 0.02


def test_labels_come_hours_later_and_a_few_never(made: Traffic) -> None:
    predicted = {
        r["request_id"]: e.time for e, r in zip(made.predictions, records(made.predictions), strict=True)
    }
    labels = made.labels["clicks"]
    assert labels == sorted(labels, key=lambda event: event.time)
    assert all(event.time <= made.end for event in labels)
    came = {r["request_id"]: e.time for e, r in zip(labels, records(labels), strict=True)}
    assert len(labels) == len(came)
    # Of the first ten days all have come that will.
    old = [name for name, time in predicted.items() if time < made.start + 10 * DAY]
    delays = np.array([came[name] - predicted[name] for name in old if name in came])
    assert delays.min() >= 600
    assert abs(delays.mean() - (600 + 4 * 3600)) < 3 * 4 * 3600 / len(delays) ** 0.5
    assert 0.005 < 1 - len(delays) / len(old) < 0.015


def test_clicks_fall_by_15_percent_in_the_second_week_and_in_nothing_else(made: Traffic) -> None:
    predicted = {r["request_id"]: e for e, r in zip(made.predictions, records(made.predictions), strict=True)}
    with_fall, without = (made.labels[model] for model in ("clicks", "clicks_control"))
    assert [event.time for event in with_fall] == [event.time for event in without]
    clicks, missing = Counter[int](), Counter[int]()
    for label, control in zip(records(with_fall), records(without), strict=True):
        assert label | {"clicked": 0} == control | {"clicked": 0}
        assert label["clicked"] <= control["clicked"]
        of = day(predicted[label["request_id"]], made)
        clicks[of] += control["clicked"]
        missing[of] += control["clicked"] - label["clicked"]
    assert 0 == sum(missing[of] for of in range(7))
    assert 0.04 < missing[7] / clicks[7] < 0.11
    later = range(8, 14)
    assert abs(sum(missing[of] for of in later) / sum(clicks[of] for of in later) - 0.15) < 0.02


def test_without_the_fall_both_are_the_same() -> None:
    made = traffic(END, 240, fall=0.0)
    assert made.labels["clicks"] == made.labels["clicks_control"]


def test_the_reference_holds_real_outcomes_in_its_records() -> None:
    lines = reference_lines()
    assert 68_785 == len(lines)
    first = json.loads(lines[0])
    assert {"ts", "request_id", "model_version", "prediction", "score", "features", "clicked"} == first.keys()
    clicks = sum(line.count(b'"clicked":1') for line in lines)
    assert abs(clicks / len(lines) - 0.4958) < 0.0001


def test_weeks_hold_each_event_once_in_order(made: Traffic) -> None:
    first, second = weeks(made)
    events = [event for event, _ in (*first, *second)]
    assert events == sorted(events, key=lambda event: event.time)
    assert first[-1][0].time < made.turn <= second[0][0].time
    assert {PREDICTIONS: made.predictions} | {
        label_log(model): labels for model, labels in made.labels.items()
    } == {log: [event for event, of in (*first, *second) if of == log] for log in {of for _, of in first}}


def test_replay_writes_every_line_to_its_log(made: Traffic, tmp_path: Path) -> None:
    first, _ = weeks(made)
    for log in {log for _, log in first}:
        (tmp_path / log.parent).mkdir(exist_ok=True)
        (tmp_path / log).write_bytes(b"before\n")
    replay(first, tmp_path, made.start, made.turn, 0.3)
    for log in {log for _, log in first}:
        expected = b"before\n" + b"".join(event.line for event, of in first if of == log)
        assert expected == (tmp_path / log).read_bytes()
