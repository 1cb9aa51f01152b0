import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.sources.http.prints import Known, Printer, merged

LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=20)


@given(lines=LINES, ended=st.booleans())
def test_equal_lines_have_equal_prints_and_others_have_others(lines: list[bytes], *, ended: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    starts, ends, prints = Printer().lines(data)
    found = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    assert (data.split(b"\n")[:-1] if data.endswith(b"\n") else data.split(b"\n") if data else []) == found
    stripped = [line.strip(b" \t\r\n") for line in found]
    assert len(set(stripped)) == len(set(prints.tolist()))
    assert dict(zip(stripped, prints.tolist(), strict=True)) == dict(
        zip(stripped, Printer().lines(b"".join(line + b"\n" for line in stripped))[2].tolist(), strict=True)
    )


def test_prints_are_the_same_in_every_process_and_release() -> None:
    """They are stored."""
    assert [0, 12615389145488498384] == Printer().lines(b'\n{"a": 1}\n')[2].tolist()


@given(
    known=st.lists(st.integers(0, 5), max_size=20),
    pieces=st.lists(st.lists(st.integers(0, 5), max_size=8), max_size=4),
)
def test_each_line_is_known_as_often_as_it_was_counted(known: list[int], pieces: list[list[int]]) -> None:
    judge = Known(np.array(known, dtype=np.uint64))
    left = list(known)
    for piece in pieces:
        expected = []
        for line in piece:
            expected.append(line in left)
            if line in left:
                left.remove(line)
        assert expected == judge.recognise(np.array(piece, dtype=np.uint64)).tolist()


def test_groups_that_may_hold_the_same_lines() -> None:
    groups = [np.array(group, dtype=np.uint64) for group in ([1, 1, 2], [1, 3, 3], [])]
    assert [1, 1, 2, 3, 3] == merged(groups).tolist()
