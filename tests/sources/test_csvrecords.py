import csv
import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drift_exporter.sources.csvrecords import Shape, shape_of


def walked(data: bytes, names: int = 2, limit: int = 1000) -> list[tuple[bytes, bool]]:
    """Records and whether each is good."""
    starts, ends, bad = Shape(",", ("n",) * names, limit).spans(data)
    return [(data[s:e], not b) for s, e, b in zip(starts.tolist(), ends.tolist(), bad.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"1,2\n3,4\n", [(b"1,2", True), (b"3,4", True)]),
        (b"1,2\r\n\r\n\n3,4", [(b"1,2", True), (b"3,4", True)]),
        (b'1,"a\nb"\r\n3,4\n', [(b'1,"a\nb"', True), (b"3,4", True)]),
        (b'1,"a ""b\n"" c"\n3,4\n', [(b'1,"a ""b\n"" c"', True), (b"3,4", True)]),
        (b'1,"a\n3,4\n', [(b'1,"a', False), (b"3,4", True)]),
        (b'1,"a\n3,4\n5,"b"\n', [(b'1,"a', False), (b"3,4", True), (b'5,"b"', True)]),
        (b'1,5" pipe\n3,4\n', [(b'1,5" pipe', True), (b"3,4", True)]),
        (b'1,"a"x\n3,"4\n"\n', [(b'1,"a"x', False), (b'3,"4\n"', True)]),
        (b'"a\nb"\n1,2\n', [(b'"a', False), (b'b"', False), (b"1,2", True)]),
        (b'1,2\n"', [(b"1,2", True), (b'"', True)]),
        (b"", []),
    ],
)
def test_records(data: bytes, records: list[tuple[bytes, bool]]) -> None:
    assert records == walked(data)


def test_a_record_over_the_limit_costs_its_first_line() -> None:
    data = b'1,"' + b"long\n" * 10 + b'"\n3,4\n'

    assert [(data[:-5], True), (b"3,4", True)] == walked(data, limit=60)
    assert (b'1,"long', False) == walked(data, limit=40)[0]
    assert (b"3,4", True) == walked(data, limit=40)[-1]


@given(
    rows=st.lists(
        st.lists(st.text(alphabet='ab,";\n\r é', max_size=6), min_size=2, max_size=2), min_size=1, max_size=8
    )
)
def test_what_a_writer_of_csv_wrote(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)

    records = walked(text.getvalue().encode())

    assert [True] * len(rows) == [good for _, good in records]
    read = [next(csv.reader(io.StringIO(record.decode(), newline=""))) for record, _ in records]
    assert rows == read


LINES = st.lists(
    st.sampled_from([b'"', b'""', b",", b"\n", b"a", b"bb,", b'"a",', b'"x\ny"', b"\r\n", b' "'])
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)


@settings(max_examples=400)
@given(data=LINES, size=st.integers(1, 20), limit=st.sampled_from([1, 5, 12, 100]))
@example(data=b'1,"a\n3,4\n5,6\n', size=4, limit=100)
def test_the_same_however_it_is_cut(data: bytes, size: int, limit: int) -> None:
    """What ``whole`` takes of a growing text, piece by piece, has the records of the whole text."""
    shape = Shape(",", ("x", "y"), limit)
    starts, ends, _ = shape.spans(data)
    found: list[tuple[int, int]] = []
    begin, seen = 0, 0
    while begin < len(data):
        seen = min(seen + size, len(data))
        ended = seen == len(data)
        part = data[begin:seen]
        length = shape.whole(part, ended=ended)
        found += [
            (begin + int(s), begin + int(e)) for s, e in zip(*shape.spans(part[:length])[:2], strict=True)
        ]
        begin += length

    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == found


def test_nothing_of_the_text_is_left_out() -> None:
    data = b'1,"a\n3,4\n5,"b"\n"\n\n6,"'
    starts, ends, _ = Shape(",", ("x", "y"), 100).spans(data)
    left = np.ones(len(data), dtype=bool)
    for start, end in zip(starts, ends, strict=True):
        left[start:end] = False

    assert {ord("\n")} == set(np.frombuffer(data, dtype=np.uint8)[left].tolist())


@pytest.mark.parametrize(
    ("header", "separator", "names"),
    [
        (b"a,b\n", ",", ("a", "b")),
        (b"\xef\xbb\xbfa;b;c\r\n", ";", ("a", "b", "c")),
        (b"a\tb", "\t", ("a", "b")),
        (b"a|b\n", "|", ("a", "b")),
        (b'"a,b";"c"\n', ",", ('a,b"', "c")),
        (b"single\n", ",", ("single",)),
    ],
)
def test_headers(header: bytes, separator: str, names: tuple[str, ...]) -> None:
    shape = shape_of(header, 10)

    assert separator == shape.separator
    if len(names) != 2 or separator != ",":
        assert names == shape.names
