"""What a running server can be asked and told."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

HTTP_SECONDS = 10.0


class ServerError(RuntimeError):
    """A server did not start or did not answer as it should; the text holds the end of its log."""


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
