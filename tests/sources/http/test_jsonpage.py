"""Against Python's own reader of JSON, on pages of any shape."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.sources.http.jsonpage import JsonPage, PageError

TEXT = st.text(st.sampled_from('ab"\\[]{},: \n\té'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
INDENT = st.sampled_from([None, 0, 2])


def items_of(lines: bytes) -> list[Any]:
    return [json.loads(line) for line in lines.split(b"\n") if line.strip()]


@given(items=st.lists(VALUES, max_size=6), indent=INDENT, plain=st.booleans())
def test_an_array_as_lines(items: list[Any], indent: int | None, *, plain: bool) -> None:
    page = JsonPage(json.dumps(items, indent=indent, ensure_ascii=plain).encode())
    assert items == items_of(page.lines(()))


@given(
    items=st.lists(VALUES, max_size=4),
    around=st.dictionaries(TEXT, VALUES, max_size=4),
    keys=st.lists(TEXT, min_size=1, max_size=3),
    follow=TEXT,
    indent=INDENT,
)
def test_an_array_somewhere_in_the_page_and_a_value_beside_it(
    items: list[Any], around: dict[str, Any], keys: list[str], follow: str, indent: int | None
) -> None:
    page: Any = items
    for key in reversed(keys):
        page = {**around, "next page": follow, key: page}
    parsed = JsonPage(json.dumps(page, indent=indent).encode())
    assert items == items_of(parsed.lines(tuple(keys)))
    if keys[0] != "next page":
        assert follow == parsed.value(("next page",))
    assert parsed.value(("nowhere", "at all")) is None


@given(items=st.lists(VALUES, max_size=6), more=st.lists(VALUES, max_size=6), indent=INDENT)
def test_what_is_appended_to_a_page_leaves_the_lines_before_it_as_they_were(
    items: list[Any], more: list[Any], indent: int | None
) -> None:
    before = JsonPage(json.dumps({"n": len(items), "items": items}, indent=indent).encode()).lines(("items",))
    longer = json.dumps({"n": 10**6, "items": items + more}, indent=indent).encode()
    assert JsonPage(longer).lines(("items",)).startswith(before)


def test_numbers_are_told_as_they_are_written() -> None:
    page = JsonPage(b'{"a": 12345678901234567890, "b": 1.50, "c": true, "d": null}')
    assert ["12345678901234567890", "1.50", True, None] == [page.value((key,)) for key in "abcd"]


@pytest.mark.parametrize(
    "text", [b"", b" ", b"3", b'"text"', b"{", b"[}]", b'["a]', b"][", b"[] []", b'{"a": "\\"}']
)
def test_what_is_no_page(text: bytes) -> None:
    with pytest.raises(PageError, match="no JSON array or object"):
        JsonPage(text)
