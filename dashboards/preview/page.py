"""The page that draws: its packages, its script, and the server it is opened from."""

import contextlib
import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

HERE = Path(__file__).resolve().parent
PACKAGES = ("package.json", "package-lock.json")
SOURCES = ("build.mjs", "tsconfig.json", "src")
QUERY_SECONDS = 120


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 of what these files, and the files of these folders, hold."""
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


def build(folder: Path) -> Path:
    """Install the lock file's packages into ``folder``, check the types, and bundle; what is done is kept.

    Answers the folder of the page. Raises CalledProcessError where any of it fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _once(folder / "installed", digest(HERE / name for name in PACKAGES), lambda: _install(folder))
    _once(folder / "bundled", digest(HERE / name for name in (*PACKAGES, *SOURCES)), lambda: _bundle(folder))
    return folder / "page"


def _once(stamp: Path, content: str, make: Any) -> None:  # noqa: ANN401  # a function without arguments
    """Make what is not made yet of just this."""
    if stamp.exists() and stamp.read_text(encoding="utf-8") == content:
        return
    make()
    stamp.write_text(content, encoding="utf-8")


def _install(folder: Path) -> None:
    for name in PACKAGES:
        shutil.copy(HERE / name, folder / name)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(["npm", "ci", "--legacy-peer-deps", "--ignore-scripts", *quiet], cwd=folder, check=True)


def _bundle(folder: Path) -> None:
    shutil.rmtree(folder / "src", ignore_errors=True)
    shutil.rmtree(folder / "page", ignore_errors=True)
    for name in SOURCES:
        if (HERE / name).is_dir():
            shutil.copytree(HERE / name, folder / name)
        else:
            shutil.copy(HERE / name, folder / name)
    subprocess.run(["node", "node_modules/typescript/bin/tsc", "--noEmit"], cwd=folder, check=True)
    subprocess.run(["node", "build.mjs"], cwd=folder, check=True)


@contextlib.contextmanager
def serving(page: Path, dashboards: Path, prometheus: str) -> Iterator[str]:
    """Base URL of a server of the page, the dashboards' JSON, and Prometheus under ``/prometheus``.

    By way of this, so that a Prometheus need not be told that a page may ask it.
    """

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:  # noqa: ANN401  # whatever a server hands over
            super().__init__(*args, directory=str(page))

        def translate_path(self, path: str) -> str:
            if path.startswith("/dashboards/"):
                return str(dashboards / Path(path.partition("?")[0]).name)
            return super().translate_path(path)

        def do_GET(self) -> None:
            if self.path.startswith("/prometheus/"):
                self._ask(self.path.removeprefix("/prometheus"))
            else:
                super().do_GET()

        def _ask(self, path: str) -> None:
            try:
                answer = requests.get(prometheus.rstrip("/") + path, timeout=QUERY_SECONDS)
                status, body = answer.status_code, answer.content
            except requests.RequestException as error:
                status, body = 502, f'{{"status":"error","error":"{type(error).__name__}"}}'.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=20)
