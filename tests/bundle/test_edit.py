"""Values set in YAML text: the rest of the text stays as it is."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from drift_exporter.bundle.edit import compose, find, last_line, set_values
from drift_exporter.errors import BundleError

TEXT = """\
# About a.
a: &one {b: old, c: [1, 2]}  # beside
d:
  - &two
    e: 'old'   # why
    f: |
      several
      lines
  - <<: *two
    g: &three old
# End.
"""


def test_comments_layout_and_anchors_stay() -> None:
    values = {
        ("a", "b"): "new, with a comma",
        ("d", 0, "e"): "it's",
        ("d", 0, "f"): "one",
        ("d", 1, "g"): ["x"],
    }
    expected = """\
# About a.
a: &one {b: 'new, with a comma', c: [1, 2]}  # beside
d:
  - &two
    e: it's   # why
    f: one
  - <<: *two
    g: &three [x]
# End.
"""
    assert set_values(TEXT, values, "x.yml") == expected


def test_a_merged_value_is_set_where_it_stands() -> None:
    made = set_values(TEXT, {("d", 1, "e"): "new"}, "x.yml")
    assert yaml.safe_load(made)["d"][0]["e"] == yaml.safe_load(made)["d"][1]["e"] == "new"


@given(st.text(max_size=30), st.sampled_from([("a", "b"), ("d", 0, "e"), ("d", 0, "f"), ("d", 1, "g")]))
@example("\x85", ("a", "b"))
def test_any_text_comes_back_and_nothing_else_changes(value: str, place: tuple[str | int, ...]) -> None:
    expected = yaml.safe_load(TEXT)
    at = expected
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    if place == ("d", 0, "f"):
        expected["d"][1]["f"] = value
    if place == ("d", 0, "e"):
        expected["d"][1]["e"] = value
    assert yaml.safe_load(set_values(TEXT, {place: value}, "x.yml")) == expected


@pytest.mark.parametrize("place", [("z",), ("d", 5), ("a", "b", "c"), ("d", "e")])
def test_a_place_that_is_not_there_is_told(place: tuple[str | int, ...]) -> None:
    with pytest.raises(BundleError, match=rf"^x\.yml: has no {'.'.join(map(str, place))}"):
        set_values(TEXT, {place: 1}, "x.yml")


@pytest.mark.parametrize(("text", "wrong"), [("a: [", "is not YAML"), ("# nothing\n", "is empty")])
def test_what_is_no_yaml_is_told_with_the_files_name(text: str, wrong: str) -> None:
    with pytest.raises(BundleError, match=rf"^x\.yml: {wrong}"):
        compose(text, "x.yml")


def test_the_last_line_of_a_node_is_before_the_comments_behind_it() -> None:
    text = "a:\n  - b: 1\n    c: 2\n\n  # About the next.\n  - d: 3\n"
    node = find(compose(text, "x.yml"), ("a", 0))
    assert node is not None
    assert last_line(text, node) == 2
