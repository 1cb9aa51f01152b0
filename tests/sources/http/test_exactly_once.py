"""Whatever happens between us and a server, in whatever order: every record is counted once."""

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from drift_exporter.sources.http.options import Way
from support.asking import Reading, record
from support.origin import Asked, Reply, origin

PAGE = 60
PAD = "." * 2000
"""So that a page is more than one chunk."""

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 100)),
        st.tuples(st.just("look"), st.integers(1, 3), st.booleans()),
        st.tuples(st.just("break"), st.integers(0, 200_000)),
        st.tuples(st.sampled_from(["refuse", "save", "restart", "reload"])),
        st.tuples(st.sampled_from(["later", "save and restart"])),
    ),
    max_size=25,
)


class Log:
    """Numbered records, a second of time for some of them, as a server gives them in some way."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.records: list[bytes] = []
        self.replies: list[Callable[[Reply], Reply]] = []

    def append(self, count: int) -> None:
        """More records."""
        for number in range(len(self.records), len(self.records) + count):
            self.records.append(record(number, ts=number // 7, pad=PAD))

    def __call__(self, asked: Asked) -> Reply:
        """An answer, unless something is to go wrong."""
        reply = self.reply(asked)
        return self.replies.pop(0)(reply) if self.replies else reply

    def reply(self, asked: Asked) -> Reply:
        """The records that are asked for."""
        number = int(asked.query.get("page", 0))
        held = self.records[number * PAGE : (number + 1) * PAGE]
        follow = f"{number + 1}" if len(held) == PAGE else None
        match self.kind:
            case "json":
                items = b", \n".join(held)
                return Reply(
                    b'{"count": %d, "items": [%s], "next": %s}'
                    % (len(held), items, json.dumps(follow).encode())
                )
            case "cursor":
                return Reply(_lines(held), headers={} if follow is None else {"X-Next": follow})
            case "link":
                return Reply(
                    _lines(held), headers={} if follow is None else {"Link": f"<?page={follow}>; rel=next"}
                )
            case "since":
                first = 7 * int(asked.query.get("page", 0))
                return Reply(_lines(self.records[first : first + PAGE]))
        body = _lines(self.records)
        tag = {"ETag": f'"{len(body)}"'}
        if asked.headers.get("if-none-match") == tag["ETag"]:
            return Reply(status=304)
        if "range" not in asked.headers:
            return Reply(body, headers=tag)
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        return Reply(body[start:], 206, tag | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"})


def _lines(records: list[bytes]) -> bytes:
    return b"".join(one + b"\n" for one in records)


WAYS = {
    "json": Way("cursor", "page", ("next",)),
    "cursor": Way("cursor", "page", header="X-Next"),
    "link": Way("link", header="next"),
    "since": Way("since", "page", ("ts",)),
    "range": Way("range"),
    "document": Way(),
}


@pytest.mark.parametrize("kind", WAYS)
@settings(deadline=None, max_examples=25)
@given(steps=STEPS)
def test_every_record_once(kind: str, steps: list[tuple]) -> None:  # type: ignore[type-arg]
    log = Log(kind)
    format = {"format": "json", "records": ("items",)} if kind == "json" else {}  # noqa: A001
    with origin(log) as server, contextlib.ExitStack() as ends:
        reading = Reading(server.url, WAYS[kind], chunk_size=1, line_limit=10_000, **format)
        ends.callback(lambda: reading.source.close())
        for name, *arguments in steps:
            match name:
                case "append":
                    log.append(*arguments)
                case "look":
                    reading.look(arguments[0], accept=arguments[1])
                case "break":
                    log.replies.append(
                        lambda reply, cut=arguments[0]: Reply(
                            reply.body, reply.status, reply.headers, min(cut, max(0, len(reply.body) - 1))
                        )
                    )
                case "refuse":
                    log.replies.append(lambda _: Reply(status=503))
                case "reload":
                    old, reading.source = reading.source, reading.new()
                    reading.source.adopt(old)
                case "save and restart":
                    reading.save()
                    reading.restart()
                case "later":
                    reading.later(60)
                case _:
                    getattr(reading, name)()
            event(name)
        for _ in range(len(log.replies) + 3):
            reading.later(60)
    assert list(range(len(log.records))) == sorted(reading.counted)
