"""Requests and responses joined to records, in either order, with bounded patience and memory."""

import json
import re
from itertools import permutations
from typing import Any

import pytest

from drift_exporter.sources.push import events as module
from drift_exporter.sources.push.events import Pairing, Step

MANY = 1 << 30
REQUEST = {"instances": [{"amount": 5}, {"amount": 6}]}
RESPONSE = {"predictions": ["yes", "no"]}


def event(kind: str, name: str = "a", **other: Any) -> bytes:  # noqa: ANN401
    head = dict.fromkeys(("time", "model", "version", "trace_id"))
    data = REQUEST if kind == "request" else RESPONSE
    return json.dumps(
        head | {"event": kind, "id": name, "key": name, "received": 1000.5, "data": data} | other
    ).encode()


def pairing(events: str = "all", limit: int = 100) -> Pairing:
    return Pairing(events, None, 60.0, limit)


def run(pairs: Pairing, *lines: bytes) -> Step:
    step = pairs.step(enumerate(lines), MANY)
    assert step is not None
    return step


def records(step: Step) -> list[dict[str, Any]]:
    return [json.loads(line) for line in step.text.splitlines()]


@pytest.mark.parametrize("kinds", list(permutations(["request", "response"])))
def test_a_pair_makes_a_record_for_each_of_its_batch(kinds: tuple[str, str]) -> None:
    times = {"request": "2026-01-02T03:04:05.000Z", "response": "2026-01-02T03:04:05.250999999Z"}
    told = {
        "request": {"model": "iris", "trace_id": "4bf9", "version": None},
        "response": {"model": "iris", "version": "3", "trace_id": None},
    }
    made = records(run(pairing(), *(event(kind, time=times[kind], **told[kind]) for kind in kinds)))
    shared = {
        "request_id": "a",
        "time": "2026-01-02T03:04:05.000Z",
        "model": "iris",
        "version": "3",
        "trace_id": "4bf9",
        "latency": 0.250999,
    }
    assert [
        {"id": "a-0", **shared, "inputs": {"amount": 5}, "outputs": {"prediction": "yes"}},
        {"id": "a-1", **shared, "inputs": {"amount": 6}, "outputs": {"prediction": "no"}},
    ] == made


def test_a_single_record_has_the_id_of_its_request_and_without_times_that_of_arrival() -> None:
    request = event("request", data={"instances": [[1]]})
    response = event("response", data={"predictions": [0]}, received=1001.0)
    made = records(run(pairing(), request, response))
    assert [("a", 1000.5, None)] == [(one["id"], one["time"], one["latency"]) for one in made]


@pytest.mark.parametrize("events", ["request", "response"])
def test_only_one_kind_makes_records_where_only_that_is_logged(events: str) -> None:
    pairs = pairing(events)
    step = run(pairs, event("request"), event("response"))
    part = "inputs" if events == "request" else "outputs"
    assert [{"a-0", part}, {"a-1", part}] == [
        {one["id"], *({"inputs", "outputs"} & one.keys())} for one in records(step)
    ]
    assert all("latency" not in one for one in records(step))
    other = "response" if events == "request" else "request"
    assert (set(), {other: 1}) == pairs.apply(step)


def test_a_pair_over_two_steps() -> None:
    pairs = pairing()
    first = run(pairs, event("request"), event("request", "b"))
    assert [] == records(first)
    assert {} == pairs.pending
    assert ({"request:a", "request:b"}, {}) == pairs.apply(first)
    second = run(pairs, event("response"))
    assert ["a-0", "a-1"] == [one["id"] for one in records(second)]
    assert ["request:a", "request:b"] == list(pairs.pending)
    assert ({"request:a"}, {}) == pairs.apply(second)
    assert ["request:b"] == list(pairs.pending)


def test_a_step_that_is_not_applied_changes_nothing() -> None:
    pairs = pairing()
    pairs.apply(run(pairs, event("request")))
    for _ in range(2):
        assert 2 == len(records(run(pairs, event("response"))))


def test_an_id_that_comes_again_is_another_pair() -> None:
    pairs = pairing()
    step = run(pairs, *(event(kind) for kind in ("request", "response", "response", "request")))
    assert 4 == len(records(step))
    assert (set(), {}) == pairs.apply(step)
    assert {} == pairs.pending


def test_an_event_that_comes_twice_waits_once() -> None:
    pairs = pairing()
    pairs.apply(run(pairs, event("request", received=1.0)))
    step = run(pairs, event("request", received=2.0), event("request", received=3.0))
    assert ({"request:a"}, {"request": 2}) == pairs.apply(step)
    assert [3.0] == [one.received for one in pairs.pending.values()]
    step = run(pairs, event("request", received=4.0), event("response"))
    assert 4.0 == records(step)[0]["time"]
    assert ({"request:a"}, {"request": 1}) == pairs.apply(step)
    assert {} == pairs.pending


def test_the_oldest_gives_way() -> None:
    pairs = pairing(limit=2)
    touched, alone = pairs.apply(run(pairs, *(event("request", name) for name in "abcd")))
    assert {"request": 2} == alone
    assert {f"request:{name}" for name in "abcd"} == touched
    assert ["request:c", "request:d"] == list(pairs.pending)


def test_so_does_what_takes_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PENDING_BYTES", 2 * len(event("request")) + 50)
    pairs = pairing()
    _, alone = pairs.apply(run(pairs, *(event("request", name) for name in "abc")))
    assert {"request": 1} == alone
    pairs.apply(run(pairs, event("response", "b")))
    _, alone = pairs.apply(run(pairs, event("request", "d")))
    assert {} == alone


def test_what_waits_too_long_is_given_up() -> None:
    pairs = pairing()
    pairs.apply(run(pairs, event("response", "a", received=100.0), event("request", "b", received=150.0)))
    assert (set(), {}) == pairs.expire(160.0)
    assert ({"response:a"}, {"response": 1}) == pairs.expire(160.5)
    assert ["request:b"] == list(pairs.pending)


def test_what_waits_is_restored_oldest_first() -> None:
    pairs = pairing()
    lines = {f"request:{name}": event("request", name, received=at) for name, at in (("a", 5.0), ("b", 3.0))}
    pairs.restore(lines)
    assert ["request:b", "request:a"] == list(pairs.pending)
    assert 4 == len(records(run(pairs, event("response", "a"), event("response", "b"))))


LARGE = {"instances": [1] * 10_001}, {"predictions": [1] * 10_001}
UNUSABLE = [
    ([event("request"), event("response", data={"predictions": [1]})], "request has 2 .* response 1"),
    ([event("request"), event("response", data={"error": "x"})], "the body is no response; it holds"),
    ([event("request", data={"inputs": 1}), event("response")], "the body is no request; it holds"),
    ([b"{"], "not an event"),
    ([b'{"event": "request"}'], "not an event"),
    ([b"[]"], "not an event"),
    ([b"[" * 100_000], "not an event"),
    ([event("request", data=LARGE[0]), event("response", data=LARGE[1])], "10001 records; at most 10000"),
]


@pytest.mark.parametrize(("lines", "why"), UNUSABLE)
def test_what_cannot_be_used_is_rejected_beside_what_can(lines: list[bytes], why: str) -> None:
    step = run(pairing(), event("request", "fine"), *lines, event("response", "fine"))
    assert ["fine-0", "fine-1"] == [one["id"] for one in records(step)]
    (rejection,) = step.rejections("path", len(step.text))
    assert ("malformed", lines[-1]) == (rejection.reason, rejection.raw)
    assert re.search(why, rejection.detail)
    assert ("path", len(lines)) == step.locate("path", len(step.text), rejection.offset)


def test_records_are_led_back_to_their_event() -> None:
    step = run(pairing(), event("request"), event("request", "b"), event("response", "b"), event("response"))
    starts = [0, *(place + 1 for place, byte in enumerate(step.text[:-1]) if byte == ord("\n"))]
    places = [step.locate("path", len(step.text), start) for start in starts]
    assert [("path", 2), ("path", 2), ("path", 3), ("path", 3)] == places


def test_too_much_text_is_none() -> None:
    pairs = pairing()
    assert pairs.step(enumerate([event("request"), event("response")]), 10) is None
    assert {} == pairs.pending
