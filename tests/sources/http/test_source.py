"""Pages in each way of going on: every record once, whatever happens between two requests."""

import gzip
import json
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import zstandard

from drift_exporter.sources.http.options import Way
from support.asking import Reading, lines, numbers_of, record
from support.origin import Asked, Origin, Reply, origin

CURSOR = Way("cursor", "cursor", header="X-Next-Cursor")
FIELD = Way("cursor", "cursor", ("next",))
SINCE = Way("since", "since", ("ts",))


@pytest.fixture
def server() -> Iterator[Origin]:
    with origin(lambda _: Reply(status=500)) as running:
        yield running


def pages(*contents: bytes, endless: bool = False) -> Callable[[Asked], Reply]:
    """Pages that are asked for by number; the last one names the next one only if ``endless``."""

    def answer(asked: Asked) -> Reply:
        number = int(asked.query.get("cursor", 0))
        more = number + 1 < len(contents) or (endless and number < len(contents))
        body = contents[number] if number < len(contents) else b""
        return Reply(body, headers={"X-Next-Cursor": str(number + 1)} if more else {})

    return answer


def test_pages_are_read_one_after_the_other_until_none_is_named(server: Origin) -> None:
    server.answer = pages(lines(1, 2), lines(3), lines(4, 5))
    reading = Reading(server.url, CURSOR)
    assert [1, 2, 3, 4, 5] == reading.look()
    assert [None, "1", "2"] == server.cursors
    assert {"200": 3} == reading.requests
    assert reading.source.problem is None


def test_the_last_page_is_asked_for_again_after_the_interval_and_only_what_is_new_counts(
    server: Origin,
) -> None:
    server.answer = pages(lines(1, 2), lines(3))
    reading = Reading(server.url, CURSOR)
    reading.look()
    assert [] == reading.later(14)
    assert 2 == len(server.asked)
    server.answer = pages(lines(1, 2), lines(3, 4), lines(5))
    assert [4, 5] == reading.later(1)
    assert [None, "1", "1", "2"] == server.cursors


def test_a_cursor_that_is_always_given_is_followed_without_haste_where_there_is_nothing(
    server: Origin,
) -> None:
    server.answer = pages(lines(1, 2), lines(3), endless=True)
    reading = Reading(server.url, CURSOR)
    assert [1, 2, 3] == reading.look()
    assert [None, "1", "2"] == server.cursors
    server.answer = pages(lines(1, 2), lines(3), lines(4), endless=True)
    assert [4] == reading.later()
    assert [None, "1", "2", "2", "3"] == server.cursors


def test_json_pages_are_taken_apart_and_their_cursor_may_be_a_number_or_nested(server: Origin) -> None:
    def answer(asked: Asked) -> Reply:
        number = int(asked.query.get("cursor", 0))
        items = [{"number": number, "text": 'a "quoted", [strange] {text}\\'}, {"number": number + 1}]
        after = number + 2 if number < 4 else None
        return Reply(json.dumps({"data": {"items": items}, "page": {"next": after}}, indent=2).encode())

    server.answer = answer
    way = Way("cursor", "cursor", ("page", "next"))
    reading = Reading(server.url, way, format="json", records=("data", "items"))
    assert [0, 1, 2, 3, 4, 5] == reading.look()
    assert [None, "2", "4"] == server.cursors


def test_a_json_page_that_grows_counts_once_though_its_other_fields_change(server: Origin) -> None:
    held = [{"number": 1}, {"number": 2}]
    server.answer = lambda _: Reply(json.dumps({"total": len(held), "items": held}, indent=1).encode())
    reading = Reading(server.url, format="json", records=("items",))
    assert [1, 2] == reading.look()
    held += [{"number": number} for number in range(3, 12)]
    assert list(range(3, 12)) == reading.later()


@pytest.mark.parametrize("field", [None, ("links", "next")])
def test_links_lead_on(server: Origin, field: tuple[str, ...] | None) -> None:
    def answer(asked: Asked) -> Reply:
        number = int(asked.query.get("page", 0))
        url = f"/more?page={number + 1}"
        more = number < 2
        if field is None:
            headers = {"Link": f'<{url}>; rel="next", </>; rel="first"'} if more else {}
            return Reply(lines(number), headers=headers)
        page = {"items": [{"number": number}], "links": {"next": url if more else None}}
        return Reply(json.dumps(page).encode())

    server.answer = answer
    kind = "ndjson" if field is None else "json"
    records = () if field is None else ("items",)
    reading = Reading(
        server.url + "/first", Way("link", field=field, header="next"), format=kind, records=records
    )
    assert [0, 1, 2] == reading.look()
    assert ["/first", "/more", "/more"] == [asked.path for asked in server.asked]


def test_a_link_to_another_host_is_not_followed_unless_it_is_named(server: Origin) -> None:
    with origin(lambda _: Reply(lines(2))) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        server.answer = lambda _: Reply(lines(1), headers={"Link": f"<{elsewhere}/more>; rel=next"})
        reading = Reading(server.url, Way("link", header="next"), {"headers": {"X-Team": "ml"}})
        assert [1] == reading.look()
        assert "another host" in str(reading.source.problem)
        assert [] == other.asked
        trusting = Reading(server.url, Way("link", header="next"), {"hosts": ("localhost",)})
        assert [1, 2] == trusting.look()


def since(
    records: list[tuple[str, int]], *, inclusive: bool = True, limit: int = 1000
) -> Callable[[Asked], Reply]:
    """Records (time and number) from a time on, oldest first."""

    def answer(asked: Asked) -> Reply:
        after = asked.query.get("since", "")
        found = [one for one in sorted(records) if one[0] > after or (inclusive and one[0] == after)]
        body = b"".join(record(number, ts=time) + b"\n" for time, number in found[:limit])
        return Reply(body)

    return answer


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("limit", [3, 1000])
def test_since_asks_from_the_newest_time_on(server: Origin, limit: int, *, inclusive: bool) -> None:
    held = [(f"2026-01-01T00:00:{number // 2:02d}Z", number) for number in range(10)]
    server.answer = since(held, inclusive=inclusive, limit=limit if inclusive else 1000)
    reading = Reading(server.url, SINCE)
    assert list(range(10)) == reading.look()
    held += [("2026-01-01T00:01:00Z", 10)]
    assert [10] == reading.later()
    assert "2026-01-01T00:00:04Z" == server.asked[-2].query["since"]


def test_since_counts_records_of_the_newest_time_that_came_later_and_equal_ones_as_often_as_there_are(
    server: Origin,
) -> None:
    held = [("12:00", 1), ("12:01", 2), ("12:01", 2)]
    server.answer = since(held)
    reading = Reading(server.url, SINCE)
    assert [1, 2, 2] == reading.look()
    held += [("12:01", 2), ("12:01", 3), ("12:02", 4)]
    assert [2, 3, 4] == reading.later()
    assert [] == reading.later()


def test_since_reaches_back_as_far_as_is_wanted(server: Origin) -> None:
    held = [(f"2026-01-01T00:{minute:02d}:00+00:00", minute) for minute in range(0, 20, 2)]
    server.answer = since(held)
    reading = Reading(server.url, Way("since", "since", ("ts",), overlap=300.0))
    assert list(range(0, 20, 2)) == reading.look()
    held += [("2026-01-01T00:15:00+00:00", 15), ("2026-01-01T00:11:00+00:00", 11)]
    assert [15] == reading.later()
    assert "2026-01-01T00:13:00+00:00" == server.asked[-1].query["since"]
    assert [] == reading.later()


def test_since_takes_the_newest_time_where_the_newest_record_comes_first(server: Origin) -> None:
    held = [(100 + number, number) for number in range(5)]

    def answer(asked: Asked) -> Reply:
        found = [one for one in reversed(held) if one[0] >= int(asked.query.get("since", 0))]
        return Reply(json.dumps([{"number": number, "ts": time} for time, number in found]).encode())

    server.answer = answer
    reading = Reading(server.url, SINCE, format="json")
    assert [4, 3, 2, 1, 0] == reading.look()
    held.append((105, 5))
    assert [5] == reading.later()
    assert "105" == server.asked[-1].query["since"]


def test_since_tells_of_a_time_in_the_future_for_it_hides_what_comes_before(server: Origin) -> None:
    held = [("2026-01-01T00:00:00Z", 1), ("2999-01-01T00:00:00Z", 2)]
    server.answer = since(held)
    reading = Reading(server.url, SINCE)
    assert [1, 2] == reading.look()
    assert "the newest record is of 2999-01-01T00:00:00Z, in the future" in str(reading.source.problem)


class Document:
    """A document that grows, served with ranges and versions."""

    def __init__(self, body: bytes = b"", *, ranges: bool = True) -> None:
        self.body = body
        self.ranges = ranges
        self.given = 0

    def __call__(self, asked: Asked) -> Reply:
        """What a server of static files answers."""
        tag = f'"{hash(self.body)}"'
        if asked.headers.get("if-none-match") == tag:
            return Reply(status=304, headers={"ETag": tag})
        wanted = asked.headers.get("range") if self.ranges else None
        start = 0 if wanted is None else int(wanted.removeprefix("bytes=").removesuffix("-"))
        if wanted is not None and start >= len(self.body):
            return Reply(status=416, headers={"Content-Range": f"bytes */{len(self.body)}"})
        body = self.body[start:]
        self.given += len(body)
        if wanted is None:
            return Reply(body, headers={"ETag": tag})
        span = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        return Reply(body, 206, {"ETag": tag, "Content-Range": span})


@pytest.mark.parametrize("ranges", [True, False])
def test_of_a_growing_document_the_new_bytes_are_asked_for(server: Origin, *, ranges: bool) -> None:
    document = Document(lines(*range(1000)), ranges=ranges)
    server.answer = document
    reading = Reading(server.url, Way("range"))
    assert list(range(1000)) == reading.look()
    assert [] == reading.later()
    document.body += lines(1000) + b'{"number": 10'
    document.given = 0
    assert [1000] == reading.later()
    assert (document.given < 400) == ranges
    document.body += b"01}\n"
    assert [1001] == reading.later()
    assert 0 == reading.source.lag().bytes
    expected = {"200": 1, "304": 1, "206": 2} if ranges else {"200": 3, "304": 1}
    assert expected == reading.requests


@pytest.mark.parametrize("body", [lines(7, 8), lines(*range(20, 40)), b""])
def test_a_document_that_is_another_is_read_from_its_beginning(server: Origin, body: bytes) -> None:
    document = Document(lines(*range(10)))
    server.answer = document
    reading = Reading(server.url, Way("range"))
    reading.look()
    document.body = body
    assert [int(line[11:-1]) for line in body.splitlines()] == reading.later()
    document.body += lines(99)
    assert [99] == reading.later()


def test_a_growing_csv_document_keeps_its_header(server: Origin) -> None:
    document = Document(b"number,text\n1,a\n")
    server.answer = document
    reading = Reading(server.url, Way("range"), format="csv")
    assert [1] == reading.look()
    reading.save()
    reading.restart()
    document.body += b'2,"b"\n3,"half'
    assert [2] == reading.look()
    document.body += b' a\n4,record"\n'
    reading.later()
    assert (b"number,text\n", b'3,"half a\n4,record"\n') == (
        reading.chunks[-1].header,
        reading.chunks[-1].content,
    )


def test_a_document_is_read_once_a_version_and_only_what_was_added(server: Origin) -> None:
    document = Document(lines(1, 2), ranges=False)
    server.answer = document
    reading = Reading(server.url)
    assert [1, 2] == reading.look()
    assert [] == reading.later()
    document.body += lines(3)
    assert [3] == reading.later()
    document.body = lines(4, 5)
    assert [4, 5] == reading.later()
    assert [] == reading.later()
    assert {"200": 3, "304": 2} == reading.requests


def test_a_time_that_is_too_fresh_to_tell_versions_apart_is_not_relied_on(server: Origin) -> None:
    old = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    server.answer = lambda asked: (
        Reply(status=304) if "if-modified-since" in asked.headers else Reply(lines(1), headers=old)
    )
    reading = Reading(server.url)
    reading.look()
    reading.later()
    assert {"200": 1, "304": 1} == reading.requests


@pytest.mark.parametrize("packing", ["gzip", "zstd", "gzip document", "zstd document"])
def test_compressed_answers_and_documents(server: Origin, packing: str) -> None:
    pack = gzip.compress if packing.startswith("gzip") else zstandard.compress
    headers = {} if "document" in packing else {"Content-Encoding": packing}
    server.answer = lambda _: Reply(pack(lines(*range(2000))), headers=headers)
    reading = Reading(server.url)
    assert list(range(2000)) == reading.look()
    assert "gzip, zstd" == server.asked[0].headers["accept-encoding"]


@pytest.mark.parametrize("packing", ["gzip", "zstd", "gzip document", "zstd document"])
def test_what_is_not_whole_is_asked_for_again(server: Origin, packing: str) -> None:
    pack = gzip.compress if packing.startswith("gzip") else zstandard.compress
    headers = {} if "document" in packing else {"Content-Encoding": packing}
    body = pack(lines(*range(50)))
    # Such as a document that is still being written.
    server.answer = lambda _: Reply(body[:-1], headers=headers)
    reading = Reading(server.url)
    reading.look()
    assert "the compressed answer is damaged" in str(reading.source.problem)
    server.answer = lambda _: Reply(body, headers=headers)
    reading.later(60)
    assert list(range(50)) == reading.counted
    assert None is reading.source.problem


@pytest.mark.parametrize("kind", ["ndjson", "json", "csv"])
@pytest.mark.parametrize("accept", [True, False])
def test_a_page_goes_on_where_it_was_after_a_kill(server: Origin, kind: str, *, accept: bool) -> None:
    numbers = list(range(20_000))
    body = {
        "ndjson": lines(*numbers),
        "json": json.dumps([{"number": number} for number in numbers]).encode(),
        "csv": b"number\n" + b"".join(b"%020d\n" % number for number in numbers),
    }[kind]
    server.answer = lambda _: Reply(body)
    reading = Reading(server.url, format=kind, chunk_size=1)
    reading.look(2, accept=accept)
    reading.save()
    assert 0 < len(reading.counted) < 20_000
    reading.look(1)
    reading.restart()
    reading.look()
    assert numbers == reading.counted


@pytest.mark.parametrize("way", [CURSOR, SINCE])
def test_every_record_once_over_kills_at_every_chunk(server: Origin, way: Way) -> None:
    held = [(f"2026-01-01T00:00:{number // 1000:02d}Z", number) for number in range(12_000)]
    pages_of = [held[start : start + 4000] for start in range(0, 12_000, 4000)]
    if way is SINCE:
        server.answer = since(held, limit=4000)
    else:
        server.answer = pages(*(b"".join(record(n, ts=t) + b"\n" for t, n in page) for page in pages_of))
    reading = Reading(server.url, way, chunk_size=1)
    for attempt in range(60):
        reading.look(attempt % 3 + 1, accept=bool(attempt % 2))
        if attempt % 5 < 3:
            reading.save()
        if attempt % 5 != 1:
            reading.restart()
    reading.look()
    assert list(range(12_000)) == sorted(reading.counted)


def test_records_are_located_in_their_page(server: Origin) -> None:
    server.answer = pages(lines(1), b'{"number": 2}\nnonsense\n{"number": 3}\n')
    reading = Reading(
        server.url + "/log?api_key=hush", CURSOR, {"parameters": {"team": "ml"}}, take=lambda _: []
    )
    reading.look()
    chunk = reading.chunks[-1]
    assert chunk.locate is not None
    assert (f"{server.url}/log?cursor=1", 14) == chunk.locate(chunk.content.index(b"nonsense"))
    server.answer = lambda _: Reply(b'{"items": [{"number": 1}, 17,\n "x", {"number": 2}]}')
    reading = Reading(server.url, format="json", records=("items",), take=lambda _: [])
    reading.look()
    chunk = reading.chunks[-1]
    assert chunk.locate is not None
    places = [
        chunk.locate(chunk.content.index(text))[1]
        for text in (b'{"number": 1', b"17", b'"x"', b'{"number": 2')
    ]
    assert [0, 1, 2, 3] == places


@pytest.mark.parametrize("length", [1001, 70_000, 200_000])
def test_a_line_over_the_limit_is_rejected_and_the_others_count(server: Origin, length: int) -> None:
    body = lines(1) + b'{"long": "' + b"x" * length + b'"}\n' + lines(2)
    server.answer = lambda _: Reply(body)
    reading = Reading(server.url)
    assert [1, 2] == reading.look()
    (rejection,) = reading.rejections
    assert ("too_long", len(lines(1)), length + 12) == (rejection.reason, rejection.offset, rejection.length)
    assert rejection.path == server.url
    body += lines(3)
    assert [3] == reading.later()


def test_a_last_line_that_is_not_finished_waits_for_its_end(server: Origin) -> None:
    document = Document(lines(1) + b'{"number": 2', ranges=False)
    server.answer = document
    reading = Reading(server.url)
    assert [1] == reading.look()
    document.body += b"}"
    assert [2] == reading.later()
    document.body += b"\n" + lines(3)
    assert [3] == reading.later()


def test_smaller_chunks_are_handed_on_where_they_are_wanted(server: Origin) -> None:
    server.answer = lambda _: Reply(lines(*range(30_000)))
    reading = Reading(server.url)
    sizes = []
    end = False
    while not end:
        for chunk in reading.source.poll():
            sizes.append(chunk.size)
            if chunk.divisible and chunk.size > 100_000:
                reading.source.read_smaller()
                continue
            reading.counted += [int(line[11:-1]) for line in chunk.content.splitlines()]
        end = reading.source.resting
    assert list(range(30_000)) == reading.counted
    assert max(sizes) > 100_000
    assert any(later < earlier for earlier, later in pairwise(sizes))


def test_a_page_that_cannot_be_used_is_left_alone_for_a_while(server: Origin) -> None:
    server.answer = lambda _: Reply(lines(1))
    reading = Reading(server.url)
    while not (chunks := list(take_aside(reading))):
        pass
    assert 1 == len(chunks)
    assert f"{server.url}: no column amount" == reading.source.problem
    assert [] == reading.later(59)
    assert [1] == reading.later(1)
    assert reading.source.problem is None


def take_aside(reading: Reading) -> Iterator[int]:
    """Refuse whatever comes."""
    for _ in reading.source.poll():
        reading.source.set_aside(f"{reading.options.server.url}: no column amount")
        yield 1


def test_a_reload_goes_on_where_it_was_if_the_same_is_asked(server: Origin) -> None:
    server.answer = pages(lines(1, 2), lines(3))
    reading = Reading(server.url, CURSOR)
    reading.look()
    old, reading.source = reading.source, reading.new()
    reading.source.adopt(old)
    assert [] == reading.look()
    assert {"200": 3} == reading.requests
    old, reading.source = reading.source, Reading(server.url + "/other", CURSOR).source
    reading.source.adopt(old)
    assert [1, 2, 3] == reading.look()


def test_marks_are_stored_when_they_change_and_all_of_them_when_they_are_wanted(server: Origin) -> None:
    server.answer = since([("12:00", 1)])
    reading = Reading(server.url, SINCE)
    reading.look()
    assert {"place", "seen"} == set(reading.source.changes().marks)
    reading.source.saved()
    assert {} == reading.source.changes().marks
    assert {"place", "seen"} == set(reading.source.changes(everything=True).marks)


def test_once_reads_to_the_end(server: Origin) -> None:
    empty = iter([True, False])
    contents = [lines(1), b"", lines(2), lines(3)]

    def answer(asked: Asked) -> Reply:
        if next(empty, False):
            return Reply(status=503, headers={"Retry-After": "0"})
        return pages(*contents)(asked)

    server.answer = answer
    reading = Reading(server.url, CURSOR, final=True)
    start = reading.now
    reading.source.clock = iter(range(10_000)).__next__
    assert [1, 2, 3] == [number for chunk in reading.source.poll() for number in numbers_of(chunk)]
    assert (start, True) == (reading.now, reading.source.resting)
