"""The text of an answer, its compression undone: that of the transfer and that of the document."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import IO, Protocol

import requests
import urllib3

from drift_exporter.sources.compressed import open_compressed
from drift_exporter.sources.http.client import RequestError, failure
from drift_exporter.sources.http.pieces import PIECE
from drift_exporter.sources.position import Fingerprint

_CODINGS = {"gzip": ".gz", "x-gzip": ".gz", "zstd": ".zst"}
_MAGIC: Mapping[bytes, str] = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}
KEPT = 8 << 20
"""Bytes of text that are kept until it is known whether they were counted before."""


class ChangedError(Exception):
    """The text does not begin any more with what was counted of it, and it has gone by."""


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Body:
    """The body as it came over the network."""

    def __init__(self, response: requests.Response, timeout: float) -> None:
        self._raw, self._timeout = response.raw, timeout
        length = response.headers.get("Content-Length", "")
        self._left = int(length) if length.isdecimal() else None

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes."""
        try:
            data: bytes = self._raw.read(PIECE if size < 0 else size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise failure(error, self._timeout) from error
        if self._left is not None:
            self._left -= len(data)
            if not data and self._left > 0:
                raise RequestError("connection", f"the answer ended {self._left} bytes too early", soon=True)
        return data

    def close(self) -> None:
        """The answer is closed by who asked for it."""


class _Begun:
    """A stream of which the first bytes were read already."""

    def __init__(self, begun: bytes, stream: _Readable) -> None:
        self._begun, self._stream = begun, stream

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes."""
        if not self._begun:
            return self._stream.read(size)
        end = len(self._begun) if size < 0 else size
        data, self._begun = self._begun[:end], self._begun[end:]
        return data

    def close(self) -> None:
        """Closed by who asked for it."""


def blocks_of(response: requests.Response, timeout: float) -> Iterator[bytes]:
    """The text of an answer, in blocks. Raises RequestError where it breaks off or is damaged."""
    code = str(response.status_code)
    stream: _Readable = _Body(response, timeout)
    try:
        for coding in reversed(response.headers.get("Content-Encoding", "identity").lower().split(",")):
            if coding.strip() in {"", "identity"}:
                continue
            stream = _opened(_suffix(coding.strip(), code), stream)
        begun = stream.read(4)
        stream = _Begun(begun, stream)
        for magic, suffix in _MAGIC.items():
            if begun.startswith(magic):
                stream = _opened(suffix, stream)
        while block := stream.read(PIECE):
            yield block
    except (EOFError, zlib.error, OSError) as error:
        raise RequestError(code, f"the compressed answer is damaged: {error}", soon=True) from error
    except Exception as error:
        # Imported only where it is needed.
        if type(error).__name__ != "ZstdError":
            raise
        raise RequestError(code, f"the compressed answer is damaged: {error}", soon=True) from error


def _suffix(coding: str, code: str) -> str:
    if coding not in _CODINGS:
        wrong = f"the answer is encoded as {coding}, which was not asked for"
        raise RequestError(code, f"{wrong}; let the server use gzip, zstd or none")
    return _CODINGS[coding]


def _opened(suffix: str, stream: _Readable) -> IO[bytes]:
    return open_compressed(suffix, stream)  # type: ignore[arg-type,return-value]  # reading is all they need


class Text:
    """Blocks of text, taken in any lengths."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = b""

    def __iter__(self) -> Iterator[bytes]:
        """What is left of it."""
        if self._held:
            held, self._held = self._held, b""
            yield held
        yield from self._blocks

    def take(self, length: int) -> bytes:
        """Up to ``length`` bytes, at least one unless the text has ended."""
        block = self._held or next(self._blocks, b"")
        self._held = block[length:]
        return block[:length]

    def skip(self, length: int) -> bool:
        """Leave out so many bytes; tells whether there were as many."""
        while length:
            block = self.take(length)
            if not block:
                return False
            length -= len(block)
        return True

    def matches(self, expected: Fingerprint, note: Callable[[bytes], None]) -> bool:
        """Whether the text begins with what this is the fingerprint of, which is then left out.

        ``note`` is given all of it. Where the text begins otherwise nothing is left out, or ChangedError is
        raised if it was too much to be kept.
        """
        digest, left, kept = blake2b(digest_size=16), expected.length, []
        while left:
            block = self.take(min(left, PIECE))
            if not block:
                break
            digest.update(block)
            note(block)
            left -= len(block)
            if expected.length <= KEPT:
                kept.append(block)
        if not left and (not expected.length or digest.digest() == expected.digest):
            return True
        if expected.length > KEPT:
            raise ChangedError
        self._held = b"".join(kept) + self._held
        return False
