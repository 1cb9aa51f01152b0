import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.decode.patterns import group_of, parse_pattern


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"(?P<a>\d+)", ("a",)),
        (r"(?<a>x)(y)(?:z)(?P<b_1>.)", ("a", "b_1")),
        (r"((?P<in>x)|(?P<out>y))", ("in", "out")),
        (r"\((?P<a>[^)(]*)\)[(]", ("a",)),
        (r"[]()](?P<a>[^]]*)[[:alpha:](]", ("a",)),
        (r"\Q(?P<no>x)\E(?P<a>x)", ("a",)),
        (r"(?i)(?P<a>x)(?i:(y))", ("a",)),
        (r"\[(?P<a>.*?)\] \\(?P<b>x)", ("a", "b")),
        (r"(?P<größe>\d)", ("größe",)),
    ],
)
def test_groups(pattern: str, groups: tuple[str, ...]) -> None:
    found = parse_pattern(pattern)

    assert groups == found.names
    assert has_groups(found.capturing(groups), len(groups))
    assert has_groups(found.capturing(groups[1:]), len(groups) - 1)


def has_groups(pattern: str, count: int) -> bool:
    """Whether a pattern compiles, and has as many groups and not one more. Raises duckdb.Error."""
    names = [f"g{i}" for i in range(count + 1)]
    duckdb.execute(f"SELECT regexp_extract('', ?, {names})", [f"({pattern})"])
    try:
        duckdb.execute(f"SELECT regexp_extract('', ?, {[*names, 'more']})", [f"({pattern})"])
    except duckdb.BinderException as error:
        return "Not enough" in str(error)
    return False


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "no named group"),
        (r"(\d+)", "no named group"),
        (r"(?P<a>x", r"a \( is not closed"),
        (r"(?P<a>x))", r"a \) closes nothing"),
        (r"(?P<a>[x)", r"a \[ is not closed"),
        (r"(?P<a>x)(?P<a>y)", "two groups are called 'a'"),
        (r"(?P<a-b>x)", "'a-b' cannot name a group"),
        (r"(?P<a>x)(?=y)", "looks ahead, which RE2 does not have"),
        (r"(?P<a>x)(?!y)", "looks ahead"),
        (r"(?<=x)(?P<a>y)", "looks behind"),
        (r"(?<!x)(?P<a>y)", "looks behind"),
        (r"(?P<a>x)\1", r"\\1 refers back"),
        (r"(?P<a>x)(?P=a)", "refers back"),
        (r"(?P<a>x)(?>y)", "atomic"),
        ("(?P<a>x)\\", "ends in a backslash"),
    ],
)
def test_what_cannot_be_used(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_pattern(pattern)


PIECES = st.sampled_from(
    ["(?P<a>", "(?<b>", "(?P<c>", "(", "(?:", "(?i)", ")", "[", "]", "[^", "[:alpha:]", "\\", "\\(", "\\]",
     "\\Q", "\\E", "x", "|", "*", "+?", "{2}", "^", "$", ".", "\\d", "-", "é"]
)  # fmt: skip


@settings(max_examples=600)
@given(pattern=st.lists(PIECES, max_size=12).map("".join))
def test_the_groups_are_those_that_re2_finds(pattern: str) -> None:
    try:
        found = parse_pattern(pattern)
    except ValueError:
        return
    try:
        assert has_groups(found.capturing(found.names), len(found.names))
    except duckdb.Error as error:
        assert "failed to parse" in str(error)  # noqa: PT017  # what RE2 alone can tell


def test_dots_are_underscores() -> None:
    assert group_of(("features", "amount")) == "features_amount"
