"""A log's whole way: exporter, Prometheus with shortened rules, Alertmanager with a local webhook."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from support.handles import Alertmanager, Prometheus, Server
from support.listeners import Webhook
from support.servers import alertmanager, exporter, prometheus, prometheus_config
from support.short_rules import seconds, shorten_rules

ALERTING = Path(__file__).resolve().parents[2] / "alerting"
GRAFANA = "http://localhost:3000"
TICK_SECONDS = 0.25


@dataclass(frozen=True)
class Ports:
    """Ports to use where they are free; without one, or where it is taken, any free one is used."""

    exporter: int | None = None
    prometheus: int | None = None
    alertmanager: int | None = None


@dataclass(frozen=True)
class Stack:
    """The running servers; ``hook`` gets what people would get, one path for each receiver."""

    exporter: Server
    prometheus: Prometheus
    alertmanager: Alertmanager
    hook: Webhook


ANY_PORTS = Ports()


@contextlib.contextmanager
def stack(  # noqa: PLR0913  # every option is named
    folder: Path,
    config: Path,
    ports: Ports = ANY_PORTS,
    *,
    group_as_shipped: bool = False,
    group_factor: float | None = None,
    targets: Mapping[str, Sequence[str]] = MappingProxyType({}),
    **shorter: Any,  # noqa: ANN401
) -> Iterator[Stack]:
    """Run all of them with their files in ``folder``, scraping and evaluating every second.

    ``targets`` maps more jobs to their addresses; labels that they expose are kept as they are. Blocks of
    earlier samples may lie in ``prometheus/tsdb``. ``shorter`` goes to
    :func:`support.short_rules.shorten_rules`, ``group_as_shipped`` and ``group_factor`` to :func:`routing`.
    Links in notifications are those of the servers that run; Prometheus serves the runbooks. Grafana is not
    among them.
    """
    rules = folder / "rules"
    assets = f"--web.user-assets={ALERTING}"
    with (
        Webhook() as hook,
        alertmanager(
            folder / "alertmanager",
            routing(hook.url, group_as_shipped=group_as_shipped, group_factor=group_factor),
            port=ports.alertmanager,
        ) as alerts,
        exporter(folder / "exporter", config, port=ports.exporter) as metrics,
        prometheus(
            folder / "prometheus",
            _scraping(metrics.address, targets, alerts.address, rules),
            flags=[assets],
            port=ports.prometheus,
        ) as server,
    ):
        links = {"grafana": GRAFANA, "exporter": metrics.url, "runbooks": f"{server.url}/user/runbooks"}
        shorten_rules(ALERTING / "rules", rules, links=links, **shorter)
        server.reload()
        yield Stack(metrics, server, alerts, hook)


def _scraping(
    exporter: str, targets: Mapping[str, Sequence[str]], alerts: str, rules: Path
) -> Mapping[str, Any]:
    jobs = {"drift-exporter": [exporter], **targets}
    config = prometheus_config(jobs, alerts, rule_files=[str(rules / "*.yml")])
    for job in config["scrape_configs"]:
        job["honor_labels"] = job["job_name"] in targets
    return config


def routing(
    hook: str, *, group_as_shipped: bool = False, group_factor: float | None = None
) -> dict[str, object]:
    """The shipped routing with every receiver replaced by a local webhook.

    Alertmanager waits for company of an alert next to no time, ``group_as_shipped``, or ``group_factor``
    times as long as that.
    """
    shipped = yaml.safe_load((ALERTING / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8"))
    route: dict[str, Any] = shipped["route"]
    if group_factor is not None:
        _shorten_waits(route, group_factor)
    elif not group_as_shipped:
        for part in (route, *route["routes"]):
            part.update(group_wait="1s", group_interval="2s")
    receivers = [
        {"name": receiver["name"], "webhook_configs": [{"url": f"{hook}/{receiver['name']}"}]}
        for receiver in shipped["receivers"]
    ]
    kept = {key: shipped[key] for key in ("time_intervals", "inhibit_rules")}
    return {"route": route, **kept, "receivers": receivers}


def _shorten_waits(route: dict[str, Any], factor: float) -> None:
    for key in ("group_wait", "group_interval"):
        if key in route:
            route[key] = f"{max(1000, round(1000 * factor * seconds(route[key])))}ms"
    for part in route.get("routes") or ():
        _shorten_waits(part, factor)


def replay(lines: Sequence[bytes], log: Path, seconds: float) -> None:
    """Append the lines to the log, evenly over ``seconds``."""
    start, written = time.monotonic(), 0
    with log.open("ab") as file:
        while written < len(lines):
            passed = time.monotonic() - start
            due = min(len(lines), int(len(lines) * passed / seconds) + 1) if seconds > 0 else len(lines)
            file.write(b"".join(lines[written:due]))
            file.flush()
            written = due
            if written < len(lines):
                time.sleep(TICK_SECONDS)


def received(hook: Webhook, path: str, alert: str) -> list[Mapping[str, Any]]:
    """The alerts of this name in what came to ``path``, oldest notification first."""
    return [
        found
        for note in hook.to(path)
        for found in note.payload["alerts"]
        if found["labels"]["alertname"] == alert
    ]


def awaited(check: Callable[[], object], what: Callable[[], str], timeout: float) -> None:
    """Wait until ``check`` is true; TimeoutError with what was missing after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not check():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout:g} s: {what()}")
        time.sleep(TICK_SECONDS)
