"""A server on the loopback that answers as a test says, and remembers what it was asked."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request: its path, its query and its headers (names in lower case)."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer. ``held`` is waited for before it.

    After ``cut`` bytes of the body the connection breaks, or ``stalled`` is waited for.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    held: threading.Event | None = None
    stalled: threading.Event | None = None


class Origin:
    """What the server is to the test: change ``answer`` at will."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.url = ""

    @property
    def cursors(self) -> list[str | None]:
        """The cursors that were asked for, in order."""
        return [asked.query.get("cursor") for asked in self.asked]


@contextmanager
def origin(
    answer: Callable[[Asked], Reply], tls: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[Origin]:
    """Answer requests until the end of the block."""
    told = Origin(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(parts.path, dict(parse_qsl(parts.query)), headers)
            told.asked.append(asked)
            reply = told.answer(asked)
            if reply.held is not None:
                reply.held.wait(60)
            self.send_response(reply.status)
            if reply.status != 304 and "Transfer-Encoding" not in reply.headers:
                self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if reply.cut is None:
                self.wfile.write(reply.body)
                return
            self.wfile.write(reply.body[: reply.cut])
            self.wfile.flush()
            if reply.stalled is not None:
                reply.stalled.wait(60)
                self.wfile.write(reply.body[reply.cut :])
                return
            # Closed without a farewell, as a crash does it.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that went away

    with Server(("127.0.0.1", port), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        told.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join(20)
