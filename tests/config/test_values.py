import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.config.values import (
    format_duration,
    format_size,
    join_path,
    parse_duration,
    parse_size,
    split_path,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15),
        ("500ms", 0.5),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1m1ms", 60.001),
        ("0s", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "15", "1.5h", "-1s", "1s1h", "1 h", "1H", "s", "1h1h", "1y", "\u0661s", "15s\n"]
)
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@given(st.integers(0, 10**12))
def test_duration_there_and_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize(
    ("seconds", "text"), [(604_800, "7d"), (86_400, "1d"), (5400, "1h30m"), (0.5, "500ms")]
)
def test_shortest_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"), [("1MiB", 2**20), ("512KiB", 2**19), ("2GiB", 2**31), ("10", 10), ("7B", 7)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1MB", "1 MiB", "1.5MiB", "-1", "1mib", "MiB", "\u0661"])
def test_what_is_no_size(text: str) -> None:
    assert parse_size(text) is None


@given(st.integers(0, 2**45))
def test_size_there_and_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_paths() -> None:
    assert split_path("a.b") == ("a", "b")
    assert split_path(r"a\.b.c") == ("a.b", "c")


@given(st.lists(st.text(st.characters(exclude_characters="\\"), min_size=1), min_size=1).map(tuple))
def test_path_there_and_back(keys: tuple[str, ...]) -> None:
    assert split_path(join_path(keys)) == keys
