r"""Real servers for demos and tests: Prometheus, Alertmanager, a webhook, a swappable scrape target.

All listen on free ports of 127.0.0.1, keep their files in a given folder, are ready when their
context is entered and gone when it is left::

    with StaticTarget() as target, Webhook() as hook:
        with alertmanager(tmp_path / "am", {"route": ..., "receivers": ...}) as am:
            config = prometheus_config(targets={"exporter": [target.address]}, alertmanager=am.address)
            with prometheus(tmp_path / "prom", config, rules=[Path("alerting/rules/latency.yml")]) as prom:
                target.text = 'up_and_away{model="fraud"} 1\n'
                until(lambda: prom.query("up_and_away"))
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
import yaml

from support.listeners import Notification, StaticTarget, Webhook

__all__ = [
    "Alertmanager",
    "Notification",
    "Prometheus",
    "Sample",
    "ServerError",
    "StaticTarget",
    "Webhook",
    "alertmanager",
    "free_port",
    "program",
    "prometheus",
    "prometheus_config",
    "until",
]

T = TypeVar("T")
READY_SECONDS = 30.0
HTTP_SECONDS = 10.0
START_ATTEMPTS = 3


class ServerError(RuntimeError):
    """A server did not start or did not answer as it should; the text holds the end of its log."""


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


def program(*names: str) -> str:
    """Path of the first of these programs that is installed; ServerError where none is."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise ServerError(f"none of {', '.join(names)} is installed; `make servers` says how to get them")


@dataclass(frozen=True)
class Sample:
    """One series of an instant query's answer."""

    labels: Mapping[str, str]
    value: float
    timestamp: float


@dataclass(frozen=True)
class Server:
    """A running server. ``address`` is host:port, ``folder`` holds its files and its log."""

    address: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Base URL without a slash at the end."""
        return f"http://{self.address}"

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return (self.folder / "log").read_text(errors="replace")

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401
        """The JSON that a GET of ``path`` answers; ServerError where it does not answer 2xx."""
        answer = requests.get(self.url + path, params=parameters, timeout=HTTP_SECONDS)
        if not answer.ok:
            raise ServerError(f"GET {path} {parameters}: {answer.status_code} {answer.text}")
        return answer.json()

    def reload(self) -> None:
        """Read the configuration again; ServerError with the reason where the server refuses it."""
        answer = requests.post(self.url + "/-/reload", timeout=HTTP_SECONDS)
        if not answer.ok:
            raise ServerError(f"reload refused: {answer.text}")

    def stop(self) -> None:
        """End the process and reap it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(timeout=10)


@dataclass(frozen=True)
class Prometheus(Server):
    """A running Prometheus."""

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Answer of an instant query (vector or scalar), now or ``at`` seconds since the epoch."""
        parameters = {"query": expression} | ({} if at is None else {"time": f"{at:.3f}"})
        data = self.get("/api/v1/query", **parameters)["data"]
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]), float(data["result"][0]))]
        return [Sample(r["metric"], float(r["value"][1]), float(r["value"][0])) for r in data["result"]]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Answer of a range query as the API gives it: dicts with ``metric`` and ``values``."""
        answer = self.get(
            "/api/v1/query_range",
            query=expression,
            start=f"{start:.3f}",
            end=f"{end:.3f}",
            step=f"{step:.3f}",
        )
        return list(answer["data"]["result"])

    def alerts(self, state: str | None = None) -> list[dict[str, Any]]:
        """Pending and firing alerts as the API gives them; only those in ``state`` where it is given."""
        alerts = self.get("/api/v1/alerts")["data"]["alerts"]
        return [a for a in alerts if state in (None, a["state"])]

    def rule_problems(self) -> list[str]:
        """The last error of every rule that could not be evaluated."""
        groups = self.get("/api/v1/rules")["data"]["groups"]
        return [f"{r['name']}: {r['lastError']}" for g in groups for r in g["rules"] if r.get("lastError")]


@dataclass(frozen=True)
class Alertmanager(Server):
    """A running Alertmanager."""

    def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Send alerts (``labels``, ``annotations``, ``startsAt``, ...) as Prometheus would."""
        answer = requests.post(self.url + "/api/v2/alerts", json=list(alerts), timeout=HTTP_SECONDS)
        if not answer.ok:
            raise ServerError(f"alerts refused: {answer.text}")

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts as the API gives them, inhibited and silenced ones too (see their ``status``)."""
        return list(self.get("/api/v2/alerts"))


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
            "--web.enable-lifecycle",
            "--log.level=warn",
            *flags,
        ]

    server = _start(Prometheus, folder, command)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def alertmanager(
    folder: Path, config: Mapping[str, Any] | str | Path, flags: Sequence[str] = ()
) -> Iterator[Alertmanager]:
    """Run Alertmanager in ``folder``; ``config`` as for :func:`prometheus`, in ``alertmanager.yml``."""
    path = _written(folder, "alertmanager.yml", config)

    def command(address: str) -> list[str]:
        return [
            program("prometheus-alertmanager", "alertmanager"),
            f"--config.file={path}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
            *flags,
        ]

    server = _start(Alertmanager, folder, command)
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


def _start(kind: type[AnyServer], folder: Path, command: Callable[[str], list[str]]) -> AnyServer:
    """Start and wait until ready; another port where somebody else took the first one meanwhile."""
    for attempt in range(START_ATTEMPTS):
        address = f"127.0.0.1:{free_port()}"
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
