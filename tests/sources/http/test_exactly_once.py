"""Whatever happens between us and a server, in whatever order: every record is counted once."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import event, example, given, settings
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
        if self.kind in {"range", "document"}:
            return self._document(asked)
        number = int(asked.query.get("page", 0))
        if self.kind == "since":
            return Reply(_lines(self.records[7 * number : 7 * number + PAGE]))
        held = self.records[number * PAGE : (number + 1) * PAGE]
        follow = f"{number + 1}" if len(held) == PAGE else None
        if self.kind == "json":
            page = b'{"count": %d, "items": [%s], "next": %s}'
            return Reply(page % (len(held), b", \n".join(held), json.dumps(follow).encode()))
        name, value = ("X-Next", follow) if self.kind == "cursor" else ("Link", f"<?page={follow}>; rel=next")
        return Reply(_lines(held), headers={} if follow is None else {name: str(value)})

    def _document(self, asked: Asked) -> Reply:
        body = _lines(self.records)
        tag = {"ETag": f'"{len(body)}"'}
        if asked.headers.get("if-none-match") == tag["ETag"]:
            return Reply(status=304)
        if "range" not in asked.headers:
            return Reply(body, headers=tag)
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        span = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return Reply(body[start:], 206, tag | {"Content-Range": span})


def _lines(records: list[bytes]) -> bytes:
    return b"".join(one + b"\n" for one in records)


def _broken(reply: Reply, cut: int) -> Reply:
    return replace(reply, cut=min(cut, max(0, len(reply.body) - 1)))


WAYS = {
    "json": Way("cursor", "page", ("next",)),
    "cursor": Way("cursor", "page", header="X-Next"),
    "link": Way("link", header="next"),
    "since": Way("since", "page", ("ts",)),
    "range": Way("range"),
    "document": Way(),
}


@pytest.mark.parametrize("kind", WAYS)
@settings(max_examples=25)
@given(steps=STEPS)
@example(steps=[("append", 100), ("later",), ("save and restart",)])
@example(
    steps=[
        ("append", 100),
        ("look", 1, True),
        ("save and restart",),
        ("look", 1, True),
        ("save and restart",),
    ]
)
def test_every_record_once(kind: str, steps: list[tuple]) -> None:  # type: ignore[type-arg]
    log = Log(kind)
    shape = {"format": "json", "records": ("items",)} if kind == "json" else {}
    with origin(log) as server, contextlib.ExitStack() as ends:
        reading = Reading(server.url, WAYS[kind], chunk_size=1, line_limit=10_000, **shape)
        ends.callback(lambda: reading.source.close())  # noqa: PLW0108  # it is replaced meanwhile
        for name, *arguments in steps:
            match name:
                case "append":
                    log.append(*arguments)
                case "look":
                    reading.look(arguments[0], accept=arguments[1])
                case "break":
                    log.replies.append(partial(_broken, cut=arguments[0]))
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
