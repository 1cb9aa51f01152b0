"""A server of numbered pages of a log: ``record_server.py FILE PORT``.

A page holds ``PAGE`` lines and is asked for by its number; a full one names the next in ``X-Next-Cursor``.
"""

import sys
import threading
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGE = 500


class Log:
    """An append-only file by lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends = [0]
        self._lock = threading.Lock()

    def page(self, number: int) -> tuple[bytes, bool]:
        """Text of a page, and whether it is full."""
        with self._lock, self._path.open("rb") as file:
            file.seek(self._ends[-1])
            for line in file:
                if line.endswith(b"\n"):
                    self._ends.append(self._ends[-1] + len(line))
            ends = self._ends[number * PAGE : (number + 1) * PAGE + 1]
            if not ends:
                return b"", False
            file.seek(ends[0])
            return file.read(ends[-1] - ends[0]), len(ends) > PAGE


def main(file: Path, port: int) -> None:
    """Serve until killed."""
    log = Log(file)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            number = int(parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0])
            body, full = log.page(number)
            tag = f'"{blake2b(body, digest_size=8).hexdigest()}{int(full)}"'
            same = self.headers.get("If-None-Match") == tag
            self.send_response(304 if same else 200)
            self.send_header("ETag", tag)
            if full:
                self.send_header("X-Next-Cursor", str(number + 1))
            if not same:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if not same:
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
