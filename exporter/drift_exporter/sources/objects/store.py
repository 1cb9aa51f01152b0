"""An object store (or a web server) by fsspec: what is there, and copies of objects.

All traffic is on one thread with an event loop of its own, so that whoever counts records never waits for a
network, and everything ends when the store is closed, also what hangs.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from drift_exporter.sources.objects.access import connect, disconnect
from drift_exporter.sources.objects.marks import IDENTITY
from drift_exporter.sources.objects.names import NamePattern, scheme_of

_HEADS_AT_ONCE = 8
_VERSIONS = ("generation", "ETag", "etag", "Content-MD5", "Digest")
_TIMES = ("LastModified", "last_modified", "updated", "Last-Modified", "mtime", "created")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object: ``identity`` tells it from others.

    ``size`` in bytes and ``modified`` (epoch seconds) are None where the server does not tell.
    """

    url: str
    name: str
    size: int | None
    modified: float | None
    identity: bytes


@dataclass
class ObjectStore:
    """The store that a pattern of URLs leads to. Nothing is opened before it is asked for something.

    ``options`` are passed to fsspec's file system; ``credentials`` names files that hold more of them, each
    the whole text of a file, or what it is in JSON. Dots in their names lead into nested options.
    """

    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, Path] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None
    _system: Any = None

    @property
    def pattern(self) -> NamePattern:
        """The pattern as the file system's names are."""
        if self._over_http:
            return NamePattern(self.url)
        name = self.url.partition("://")[2]
        return NamePattern(f"/{name}" if self._scheme == "memory" else name)

    def look(self) -> Future[list[StoredObject]]:
        """List what is there under the pattern. Of objects of no bytes nothing is told."""
        return self._submit(self._look())

    def fetch(self, wanted: StoredObject, target: Path) -> Future[None]:
        """Copy an object to a file: one version of it, though it may be newer than the one ``wanted``."""
        return self._submit(self._fetch(wanted, target))

    def close(self) -> None:
        """End whatever is under way, and give everything back."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        self._loop = self._thread = None

    @property
    def _scheme(self) -> str:
        return scheme_of(self.url)

    @property
    def _over_http(self) -> bool:
        return self._scheme in {"http", "https"}

    def _submit(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="objects", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._disconnect()
        loop = asyncio.get_running_loop()
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()

    async def _connected(self) -> Any:  # noqa: ANN401  # fsspec has no types
        if self._system is None:
            # Not on the loop: it takes up to a second, and reads files.
            self._system = await asyncio.to_thread(
                connect, self.url, self.options, self.credentials, asyncio.get_running_loop()
            )
        return self._system

    async def _disconnect(self) -> None:
        system, self._system = self._system, None
        await disconnect(system)

    async def _look(self) -> list[StoredObject]:
        system = await self._connected()
        pattern = self.pattern
        try:
            # Cut down at once: what file systems tell of each object takes a kilobyte.
            found = [self._object(info) async for info in self._infos(system, pattern) if _is_object(info)]
        except Exception:
            # With the next connection the credentials are read again: they may be other ones by then.
            await self._disconnect()
            raise
        return [each for each in found if each.size != 0]

    async def _infos(self, system: Any, pattern: NamePattern) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401
        if pattern.is_exact:
            with contextlib.suppress(FileNotFoundError):
                yield await self._info(system, pattern.text)
        elif self._over_http:
            for names in _batches(await self._linked(system, pattern)):
                for info in await asyncio.gather(*(self._info(system, name) for name in names)):
                    yield info
        elif self._scheme == "s3":
            bucket, _, folder = pattern.folder.partition("/")
            prefix = f"{folder}/{pattern.stem}" if folder else pattern.stem
            # Page by page, where find would hold and sort everything that it is told, and remember it.
            async for info in system._iterdir(  # noqa: SLF001  # the asynchronous interface of fsspec
                bucket, delimiter="/" if pattern.depth == 1 else "", prefix=prefix
            ):
                yield info
        else:
            for info in await self._found(system, pattern):
                yield info

    async def _found(self, system: Any, pattern: NamePattern) -> Iterable[dict[str, Any]]:  # noqa: ANN401
        if pattern.depth == 1:
            listed: list[dict[str, Any]] = await system._ls(pattern.folder, detail=True)  # noqa: SLF001  # same
            return listed
        stem = {"prefix": pattern.stem} if self._scheme in {"gs", "az"} else {}
        found: dict[str, dict[str, Any]] = await system._find(pattern.folder, detail=True, **stem)  # noqa: SLF001  # same
        return found.values()

    async def _linked(self, system: Any, pattern: NamePattern) -> list[str]:  # noqa: ANN401
        """Names that pages below the pattern's folder link to."""
        found = await system._find(  # noqa: SLF001  # the asynchronous interface of fsspec
            f"{pattern.folder}/", maxdepth=pattern.depth, on_error="raise"
        )
        return sorted(filter(pattern.matches, set(found)))

    async def _info(self, system: Any, name: str) -> dict[str, Any]:  # noqa: ANN401
        try:
            info: dict[str, Any] = await system._info(name)  # noqa: SLF001  # the asynchronous interface of fsspec
        except FileNotFoundError as error:
            # Over HTTP that is told of everything, be it that the server cannot be reached.
            status = getattr(error.__cause__, "status", None)
            if self._over_http and error.__cause__ is not None and status not in {404, 410}:
                raise error.__cause__ from None
            raise
        return info

    async def _fetch(self, wanted: StoredObject, target: Path) -> None:
        system = await self._connected()
        # One request, so that it is one version; more at the same time would be held in memory, too.
        one = {"max_concurrency": 1} if self._scheme == "s3" else {}
        await system._get_file(wanted.name, str(target), **one)  # noqa: SLF001  # the asynchronous interface of fsspec

    def _object(self, info: Mapping[str, Any]) -> StoredObject:
        name, size = str(info["name"]), info.get("size")
        times = (_epoch(info[key]) for key in _TIMES if info.get(key) is not None)
        modified = next((time for time in times if time is not None), None)
        version = next((f"{key}={info[key]}" for key in _VERSIONS if info.get(key)), f"modified={modified}")
        identity = blake2b(f"{version} {size}".encode(), digest_size=IDENTITY).digest()
        url = name if "://" in name else f"{self._scheme}://{name.lstrip('/')}"
        if self._scheme == "file":
            url = f"file://{name}"
        return StoredObject(url, name, None if size is None else int(size), modified, identity)


def _is_object(info: Mapping[str, Any]) -> bool:
    return info.get("type") != "directory" and not str(info["name"]).endswith("/")


def _batches(names: list[str]) -> list[list[str]]:
    return [names[start : start + _HEADS_AT_ONCE] for start in range(0, len(names), _HEADS_AT_ONCE)]


def _epoch(time: object) -> float | None:
    """Epoch seconds of a time as file systems tell it."""
    if isinstance(time, datetime):
        return time.timestamp()
    if isinstance(time, int | float):
        return float(time)
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(str(time)).timestamp()
        except ValueError:
            continue
    return None
