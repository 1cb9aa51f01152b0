import pytest

from drift_exporter.sources.objects.marks import KEPT_SECONDS, Mark, Marks
from drift_exporter.sources.position import Fingerprint

HEAD, TAIL = Fingerprint.of(b"a" * 1024), Fingerprint.of(b"b" * 256)
MARK = Mark(b"identity", 2**40, 2**41, HEAD, TAIL, finished=True, gone_at=2**31)


@pytest.mark.parametrize("mark", [MARK, Mark(b"12345678", 0)])
def test_a_mark_is_small_and_comes_back_as_it_was(mark: Mark) -> None:
    assert len(mark.encode()) < 100
    assert mark == Mark.decode(mark.encode())


@pytest.mark.parametrize("data", [b"", MARK.encode()[1:], b"\x80" + MARK.encode()[1:], MARK.encode() + b"1"])
def test_what_is_no_mark_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no mark"):
        Mark.decode(data)


def test_changes_come_until_they_are_saved() -> None:
    marks = Marks()
    marks.put("a", MARK)
    assert ({"a": MARK.encode()}, []) == marks.changes(everything=False)
    marks.put("b", MARK)
    # A save that failed is made up for by the next.
    assert {"a", "b"} == marks.changes(everything=False)[0].keys()
    marks.saved()
    assert ({}, []) == marks.changes(everything=False)
    marks.drop("a")
    assert ({}, ["a"]) == marks.changes(everything=False)
    marks.put("a", MARK)
    assert ({"a": MARK.encode()}, []) == marks.changes(everything=False)
    marks.saved()
    assert {"a", "b"} == marks.changes(everything=True)[0].keys()


def test_what_is_gone_is_forgotten_after_a_while() -> None:
    marks = Marks()
    mark = Mark(b"12345678", 1, finished=True)
    marks.put("a", mark)
    marks.age("a", mark, 1000.0)
    assert marks.is_finished("a", b"12345678")
    for url, known in marks.unlisted({}):
        marks.age(url, known, 1000.0 + KEPT_SECONDS + 1)
    assert 0 == len(marks)
