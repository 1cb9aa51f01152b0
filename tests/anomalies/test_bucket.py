import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.anomalies.bucket import Bucket, choose, full_bucket
from drift_exporter.window.sample import keys_of


def one_by_one(tokens: int, second: int, rate: int, seconds: list[int]) -> tuple[list[int], int]:
    """How many of each second are scored, record by record."""
    taken: dict[int, int] = {}
    for now in seconds:
        tokens = min(60 * rate, tokens + rate * (now - second))
        second = now
        taken.setdefault(now, 0)
        if tokens:
            tokens -= 1
            taken[now] += 1
    return list(taken.values()), tokens


STREAMS = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), max_size=30)


def seconds_of(stream: list[tuple[int, int]]) -> list[int]:
    seconds, now = [], 1_000
    for later, records in stream:
        now += later
        seconds += [now] * records
    return seconds


@given(STREAMS, st.integers(1, 5), st.integers(0, 400), st.integers(0, 100))
def test_as_many_are_scored_as_one_by_one(
    stream: list[tuple[int, int]], rate: int, tokens: int, ago: int
) -> None:
    seconds = seconds_of(stream)
    bucket = Bucket(min(tokens, 60 * rate), 1_000 - ago)
    chosen, after = choose(bucket, rate, np.array(seconds, dtype=np.int64), keys_of(0, len(seconds)))
    expected, left = one_by_one(bucket.tokens, 1_000 - ago, rate, seconds)
    scored = [seconds[number] for number in chosen.tolist()]
    assert expected == [scored.count(second) for second in dict.fromkeys(seconds)]
    assert [left, seconds[-1] if seconds else 1_000 - ago] == [after.tokens, after.second]
    assert chosen.tolist() == sorted(set(chosen.tolist()))


@given(STREAMS, st.integers(1, 5), st.lists(st.integers(0, 600), max_size=5))
def test_how_many_does_not_depend_on_the_cut(
    stream: list[tuple[int, int]], rate: int, cuts: list[int]
) -> None:
    seconds = np.array(seconds_of(stream), dtype=np.int64)
    keys = keys_of(7, len(seconds))
    whole, after = choose(full_bucket(rate), rate, seconds, keys)
    bucket, pieces = full_bucket(rate), 0
    for own, own_keys in zip(np.split(seconds, sorted(cuts)), np.split(keys, sorted(cuts)), strict=True):
        chosen, bucket = choose(bucket, rate, own, own_keys)
        pieces += len(chosen)
    assert (len(whole), after) == (pieces, bucket)


def test_a_minutes_worth_may_come_at_once_and_no_more() -> None:
    seconds, keys = np.full(1_000, 50, dtype=np.int64), keys_of(0, 1_000)
    chosen, bucket = choose(full_bucket(10), 10, seconds, keys)
    assert (600, Bucket(0, 50)) == (len(chosen), bucket)
    chosen, bucket = choose(bucket, 10, seconds, keys)
    assert (0, Bucket(0, 50)) == (len(chosen), bucket)
    chosen, bucket = choose(bucket, 10, seconds + 3, keys)
    assert (30, Bucket(0, 53)) == (len(chosen), bucket)
    # However long nothing came, it is a minute's worth.
    chosen, bucket = choose(bucket, 10, seconds + 10**9, keys)
    assert (600, Bucket(0, 50 + 10**9)) == (len(chosen), bucket)


def test_of_too_many_those_with_the_smallest_keys_are_scored() -> None:
    seconds, keys = np.repeat(np.array([10, 11, 12]), [900, 300, 5]), keys_of(40, 1_205)
    chosen, _ = choose(full_bucket(10), 10, seconds, keys)
    first = np.sort(np.argsort(keys[:900])[:600])
    second = 900 + np.sort(np.argsort(keys[900:1200])[:10])
    assert [*first.tolist(), *second.tolist(), *range(1_200, 1_205)] == chosen.tolist()
    # Not the first ones of a second: what happens in the rest of it is seen as well.
    assert 250 < np.count_nonzero(first < 450) < 350


def test_a_smaller_rate_takes_away_what_is_too_much() -> None:
    chosen, bucket = choose(Bucket(10**6, 5), 1, np.array([5] * 100), keys_of(0, 100))
    assert (60, Bucket(0, 5)) == (len(chosen), bucket)


def test_nothing_changes_nothing() -> None:
    chosen, bucket = choose(Bucket(3, 5), 1, np.empty(0, dtype=np.int64), keys_of(0, 0))
    assert ([], Bucket(3, 5)) == (chosen.tolist(), bucket)
