"""Objects behind a web server on loopback."""

import gzip
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.objects import ObjectWatch
from support.tailing import line

PASSWORD = "Bearer let me in"  # noqa: S105, of a server that ends with the test


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, with its lists of files, to who knows the password and nobody else."""

    def do_GET(self) -> None:
        """Send a file, or a page with the folder's."""
        if self._allowed():
            super().do_GET()

    def do_HEAD(self) -> None:
        """Tell of a file."""
        if self._allowed():
            super().do_HEAD()

    def _allowed(self) -> bool:
        if self.headers.get("Authorization") == PASSWORD:
            return True
        self.send_error(403)
        return False

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server:
    """A server of a folder, that may go and come back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Answer, again."""
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", self.port), partial(Handler, directory=str(self.folder))
        )
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "www"
    folder.mkdir()
    running = Server(folder)
    yield running
    running.stop()


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "password").write_text(PASSWORD)
    return {"credentials": {"headers.Authorization": tmp_path / "password"}}


def test_what_a_server_lists_is_read_once(server: Server, options: dict[str, Any]) -> None:
    (server.folder / "logs" / "deep").mkdir(parents=True)
    (server.folder / "logs" / "1.ndjson").write_bytes(line(1))
    (server.folder / "logs" / "deep" / "2.ndjson.gz").write_bytes(gzip.compress(line(2)))
    (server.folder / "logs" / "3.txt").write_bytes(line(3))
    watch = ObjectWatch(f"{server.url}/logs/**/*.ndjson*", **options)
    assert [1, 2] == sorted(watch.look())
    assert [] == watch.look()
    (server.folder / "logs" / "0.ndjson").write_bytes(line(4))
    (server.folder / "logs" / "1.ndjson").write_bytes(line(1) + line(5))
    watch.restart(save=True)
    assert [4, 5] == sorted(watch.look())
    assert None is watch.source.problem
    watch.close()


def test_a_single_object_needs_no_list(server: Server, options: dict[str, Any]) -> None:
    url = f"{server.url}/1.ndjson"
    watch = ObjectWatch(url, **options)
    watch.look()
    assert f"no object matches {url}" == watch.source.problem
    (server.folder / "1.ndjson").write_bytes(line(1))
    assert [1] == watch.look()
    (server.folder / "1.ndjson").write_bytes(line(1) + line(2))
    assert [2] == watch.look()
    watch.close()


@pytest.mark.parametrize("name", ["*.ndjson", "1.ndjson"])
def test_a_server_that_is_away_has_lost_nothing(server: Server, options: dict[str, Any], name: str) -> None:
    (server.folder / "1.ndjson").write_bytes(b"".join(map(line, range(10))))
    watch = ObjectWatch(f"{server.url}/{name}", **options)
    watch.first()
    watch.restart(save=True)
    server.stop()
    for _ in range(4):
        watch.look()
        assert f"{server.url}/{name}: cannot be reached (" in str(watch.source.problem)
    assert 0 == watch.source.lost_bytes
    server.start()
    watch.settle()
    assert list(range(10)) == sorted(watch.counted)
    assert (None, 0) == (watch.source.problem, watch.source.lost_bytes)
    watch.close()


@pytest.mark.parametrize("name", ["*.ndjson", "1.ndjson"])
def test_who_may_not_read_is_told(server: Server, options: dict[str, Any], name: str) -> None:
    (server.folder / "1.ndjson").write_bytes(line(1))
    password = options["credentials"]["headers.Authorization"]
    password.write_text("wrong")
    watch = ObjectWatch(f"{server.url}/{name}", **options)
    watch.look()
    assert f"{server.url}/{name}: access denied (" in str(watch.source.problem)
    # It is read again: secrets change.
    password.write_text(PASSWORD)
    assert [1] == watch.look()
    assert None is watch.source.problem
    watch.close()
