"""TLS and SASL (PLAIN) before a broker, as a guarded cluster has them: neither broker here does both."""

import asyncio
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

_HANDSHAKE, _VERSIONS, _AUTHENTICATE = 17, 18, 36
_AUTHENTICATION_FAILED = 58


@dataclass
class Gate:
    """Lets those through to the port ``target`` who know a user and its password.

    ``let_in`` are the users who came through.
    """

    target: int
    users: dict[str, str]
    let_in: set[str] = field(default_factory=set)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be the broker for one client."""
        its_reader, its_writer = await asyncio.open_connection("127.0.0.1", self.target)
        back = asyncio.create_task(_carry(its_reader, writer))
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                await self._let_through(reader, writer, its_writer)
        finally:
            back.cancel()
            for each in (writer, its_writer):
                each.transport.abort()

    async def _let_through(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, its_writer: asyncio.StreamWriter
    ) -> None:
        known = False
        while True:
            size = await reader.readexactly(4)
            request = await reader.readexactly(int.from_bytes(size))
            kind, version, number = struct.unpack(">hhi", request[:8])
            if kind == _HANDSHAKE:
                _answer(writer, number, struct.pack(">hih", 0, 1, 5) + b"PLAIN")
            elif kind == _AUTHENTICATE:
                known = self._knows(request)
                error = 0 if known else _AUTHENTICATION_FAILED
                life = struct.pack(">q", 0) if version else b""
                _answer(writer, number, struct.pack(">hhi", error, -1, 0) + life)
            elif known or kind == _VERSIONS:
                its_writer.write(size + request)
            else:
                return

    def _knows(self, request: bytes) -> bool:
        name = max(0, int.from_bytes(request[8:10], signed=True))
        _, user, password = request[14 + name :].decode().split("\0")
        if self.users.get(user) != password:
            return False
        self.let_in.add(user)
        return True


def _answer(writer: asyncio.StreamWriter, number: int, content: bytes) -> None:
    writer.write(struct.pack(">ii", 4 + len(content), number) + content)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(1 << 18):
            writer.write(data)
            await writer.drain()


@contextmanager
def guarded(gate: Gate, port: int, tls: ssl.SSLContext) -> Iterator[None]:
    """Have a gate on ``port``, until the end of the block."""
    loop = asyncio.new_event_loop()
    # A client that does not trust us, or goes away, is none of our problems.
    loop.set_exception_handler(lambda _loop, _context: None)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(doing: Any) -> Any:  # noqa: ANN401
        return asyncio.run_coroutine_threadsafe(doing, loop).result(20)

    async def end() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # What is closed is given back in the next round.
        await asyncio.sleep(0.1)

    server = run(asyncio.start_server(gate.meet, "127.0.0.1", port, ssl=tls))
    try:
        yield
    finally:
        server.close()
        run(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
