r"""Real servers for demos and tests: exporter, Prometheus, Alertmanager, a webhook, a swappable target.

All listen on 127.0.0.1 (on ``port`` where it is given and free, else on any free one), keep their files in a
given folder, are ready when their context is entered and gone when it is left::

    with StaticTarget() as target, Webhook() as hook:
        with alertmanager(tmp_path / "am", {"route": ..., "receivers": ...}) as am:
            config = prometheus_config(targets={"exporter": [target.address]}, alertmanager=am.address)
            with prometheus(tmp_path / "prom", config, rules=[Path("alerting/rules/latency.yml")]) as prom:
                target.text = 'up_and_away{model="fraud"} 1\n'
                until(lambda: prom.query("up_and_away"))
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import requests
import yaml

from support.handles import HTTP_SECONDS, Alertmanager, Prometheus, Sample, Server, ServerError
from support.listeners import Notification, StaticTarget, Webhook

__all__ = [
    "Alertmanager",
    "Notification",
    "Prometheus",
    "Sample",
    "Server",
    "ServerError",
    "StaticTarget",
    "Webhook",
    "alertmanager",
    "exporter",
    "free_port",
    "is_free",
    "program",
    "prometheus",
    "prometheus_config",
    "until",
]

T = TypeVar("T")
READY_SECONDS = 30.0
START_ATTEMPTS = 3


def until(check: Callable[[], T], timeout: float = 30.0, interval: float = 0.05, what: str = "") -> T:
    """The first truthy answer of ``check``; TimeoutError with the last one after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout:g} s: {what or check}; last answer: {answer!r}")
        time.sleep(interval)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1 right now."""
    with socket.socket() as probe:
        # As servers do it: a connection that has just ended there is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def program(*names: str) -> str:
    """Path of the first of these programs that is installed; ServerError where none is."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise ServerError(f"none of {', '.join(names)} is installed; `make servers` says how to get them")


def prometheus_config(
    targets: Mapping[str, Sequence[str]],
    alertmanager: str | None = None,
    interval: str = "1s",
    **more: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """A Prometheus configuration: ``targets`` maps a job to its addresses, ``more`` is set at the top."""
    jobs = [{"job_name": job, "static_configs": [{"targets": list(a)}]} for job, a in targets.items()]
    seconds = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    config: dict[str, Any] = {"global": seconds, "scrape_configs": jobs}
    if alertmanager is not None:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return config | more


@contextlib.contextmanager
def prometheus(
    folder: Path,
    config: Mapping[str, Any] | str | Path,
    rules: Iterable[Path] = (),
    flags: Sequence[str] = (),
    port: int | None = None,
) -> Iterator[Prometheus]:
    """Run Prometheus in ``folder``. ``config`` is a mapping, a text, or a file (used where it lies).

    ``rules`` are added to a mapping's ``rule_files``. The configuration in use is ``folder/prometheus.yml``:
    write it anew and call ``reload()`` to change it.
    """
    if isinstance(config, Mapping):
        files = [*config.get("rule_files", []), *(str(Path(r).resolve()) for r in rules)]
        config = {**config, "rule_files": files}
    path = _written(folder, "prometheus.yml", config)

    def command(address: str) -> list[str]:
        return [
            program("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            f"--web.external-url=http://{address}",
            "--web.enable-lifecycle",
            "--log.level=warn",
            *flags,
        ]

    server = _start(Prometheus, folder, command, port)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def alertmanager(
    folder: Path,
    config: Mapping[str, Any] | str | Path,
    flags: Sequence[str] = (),
    port: int | None = None,
) -> Iterator[Alertmanager]:
    """Run Alertmanager in ``folder``; ``config`` as for :func:`prometheus`, in ``alertmanager.yml``."""
    path = _written(folder, "alertmanager.yml", config)

    def command(address: str) -> list[str]:
        return [
            program("prometheus-alertmanager", "alertmanager"),
            f"--config.file={path}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={address}",
            f"--web.external-url=http://{address}",
            "--cluster.listen-address=",
            *flags,
        ]

    server = _start(Alertmanager, folder, command, port)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def exporter(
    folder: Path, config: Path, flags: Sequence[str] = (), port: int | None = None
) -> Iterator[Server]:
    """Run ``drift-exporter serve`` with the configuration file ``config``; its log is in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)

    def command(address: str) -> list[str]:
        serve = ["-m", "drift_exporter.cli", "serve", "--config", str(config)]
        return [sys.executable, *serve, "--web.listen-address", address, *flags]

    server = _start(Server, folder, command, port)
    try:
        yield server
    finally:
        server.stop()


def _written(folder: Path, name: str, config: Mapping[str, Any] | str | Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(config, Path):
        return config.resolve()
    path = folder / name
    path.write_text(config if isinstance(config, str) else yaml.safe_dump(dict(config), sort_keys=False))
    return path


AnyServer = TypeVar("AnyServer", bound=Server)


def _start(
    kind: type[AnyServer], folder: Path, command: Callable[[str], list[str]], port: int | None
) -> AnyServer:
    """Start and wait until ready; another port where somebody else has it, or took it meanwhile."""
    for attempt in range(START_ATTEMPTS):
        address = f"127.0.0.1:{port if port is not None and is_free(port) else free_port()}"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command(address), stdout=log, stderr=subprocess.STDOUT)
        server = kind(address=address, folder=folder, process=process)
        try:
            until(lambda: _settled(server), READY_SECONDS, what=f"{kind.__name__} ready")  # noqa: B023
        except BaseException:
            server.stop()
            raise
        if process.poll() is None:
            return server
        server.stop()
        if "address already in use" not in server.log or attempt == START_ATTEMPTS - 1:
            break
    raise ServerError(f"{kind.__name__} did not start: {server.log[-2000:]}")


def _settled(server: Server) -> bool:
    """Whether the server has ended or is ready."""
    if server.process.poll() is not None:
        return True
    try:
        return requests.get(server.url + "/-/ready", timeout=HTTP_SECONDS).ok
    except requests.RequestException:
        return False
