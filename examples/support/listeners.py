"""HTTP servers in a thread of this process: a scrape target with a settable text, a webhook that collects."""

import contextlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class _Listener:
    """An HTTP server in a thread of this process."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Base URL without a slash at the end."""
        return f"http://{self.address}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


class StaticTarget(_Listener):
    """A scrape target that answers ``text`` (set it any time). While ``up`` is False it answers 503."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.up = True
        self.scrapes = 0
        target = self

        class Handler(_Quiet):
            def do_GET(self) -> None:
                body = target.text.encode()
                target.scrapes += 1
                self.answer(200 if target.up else 503, body, "text/plain; version=0.0.4; charset=utf-8")

        super().__init__(Handler)


@dataclass(frozen=True)
class Notification:
    """One request that a webhook got: the path, the JSON body, the headers."""

    path: str
    payload: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def alert_names(self) -> list[str]:
        """Names of the alerts in an Alertmanager payload, sorted, with repetition."""
        return sorted(a["labels"]["alertname"] for a in self.payload["alerts"])


class Webhook(_Listener):
    """Collects what is posted to it, as Alertmanager's ``webhook_configs`` does."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        hook = self

        class Handler(_Quiet):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hook.notifications.append(Notification(self.path, json.loads(body), dict(self.headers)))
                self.answer(200, b"ok", "text/plain")

        super().__init__(Handler)

    def to(self, path: str) -> list[Notification]:
        """The notifications that came to ``path``, oldest first."""
        return [n for n in list(self.notifications) if n.path == path]


class _Quiet(BaseHTTPRequestHandler):
    """Answers, and keeps its access log to itself."""

    def answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # Who asks may have given up, as Prometheus does when a scrape takes too long.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""
