"""The body of a request: read no further than is allowed, and decompressed no further either."""

import asyncio
import io
import zlib
from collections.abc import Callable
from typing import TypeVar

from drift_exporter.expose.http import Receive
from drift_exporter.receive.refusal import Refusal, bad, too_large

Made = TypeVar("Made")

ENCODINGS = ("gzip", "zstd")

BODY_SECONDS = 60.0
"""How long a sender may take for one body."""

_INLINE = 1 << 16
"""Bytes that are worked on without a thread: others wait no longer for it than for their turn."""


class DisconnectedError(Exception):
    """The sender is gone before all was sent."""


async def read_body(receive: Receive, limit: int, note: Callable[[int], None]) -> bytes:
    """The whole body; ``note`` is told of each part's size. Raises Refusal and DisconnectedError."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise DisconnectedError
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise too_large("the body", limit, "request")
                note(len(part))
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refusal(
            408, f"the body did not come within {BODY_SECONDS:g} s; send it at once, or less at a time", 1
        ) from None


async def work(size: int, make: Callable[[], Made]) -> Made:
    """What ``make`` makes of so many bytes, on a thread where that takes a while."""
    return make() if size <= _INLINE else await asyncio.to_thread(make)


def decompress(encoding: str, body: bytes, limit: int) -> bytes:
    """The body without its Content-Encoding. Raises Refusal."""
    if encoding == "identity":
        return body
    try:
        return _unzstd(body, limit) if encoding == "zstd" else _gunzip(body, limit)
    except (zlib.error, EOFError) as error:
        raise bad(f"the body is not whole {encoding}, as Content-Encoding says: {error}") from None


def _gunzip(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:
        stream = zlib.decompressobj(wbits=31)
        # One byte more than allowed tells that there is more.
        part = stream.decompress(body, limit - size + 1)
        size += len(part)
        if size > limit:
            raise too_large("the decompressed body", limit, "request")
        if not stream.eof:
            raise EOFError("it ends too early")
        parts.append(part)
        body = stream.unused_data
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    import zstandard  # noqa: PLC0415 - for those who send it

    from drift_exporter.sources.zstd import ZstdFile  # noqa: PLC0415 - as above

    parts: list[bytes] = []
    size = 0
    try:
        with ZstdFile(io.BytesIO(body)) as stream:
            while part := stream.read(1 << 20):
                size += len(part)
                if size > limit:
                    raise too_large("the decompressed body", limit, "request")
                parts.append(part)
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from None
    return b"".join(parts)
