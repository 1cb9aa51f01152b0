"""The demo of a correlated incident: a fraud model misses fraud while the cluster's network is partitioned.

Prometheus begins with two weeks of the cluster's counters and of the model's outcomes; then node_exporter's
counters, predictions and verdicts go on in real time. First a disk is busy, which has nothing to do with the
model: the team of the infrastructure is told, the model's team is not. Then the network is partitioned, and a
few seconds later the model cannot look its features up: one notification has to reach both teams, and to
name the signal and by how much it went ahead. Everything it writes is in build/demo-s3. A demo cannot last
an hour, so Prometheus runs a copy of the alert rules with shorter waits and ranges, and the exporter asks
every two seconds; the shipped ones are tested at their real length by the tests in alerting/tests.
"""

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from fraud.checks import (  # noqa: E402  # found by the line above
    ALERT,
    METRIC,
    MODEL,
    figures,
    forecasts_known,
    heard_by_both,
    infrastructure_alone,
    settled,
    silent,
)
from fraud.cluster import Cluster, backfill  # noqa: E402
from fraud.live import World, live, write_past  # noqa: E402
from fraud.traffic import reference_lines  # noqa: E402
from support.demonstration import BUILD, WELL_KNOWN, DemoError, empty, run, say, stay_up  # noqa: E402
from support.listeners import StaticTarget  # noqa: E402
from support.servers import free_port, is_free, program  # noqa: E402
from support.stack import ANY_PORTS, Ports, Stack, stack  # noqa: E402

DAYS = 14.0
PAST_SECONDS = 300.0
STEP, RANGE = "2s", "1m"
"""How often is asked, and the range of rates: two samples of the past at least."""
WAITS = {
    ALERT: "0s",
    "InfrastructureSignalAnomalous": "40s",
    "ModelPerformanceDropped": "20s",
    "ModelConceptDrift": "20s",
    "ModelDataDriftCostsPerformance": "20s",
}
"""Alerts that wait less here, about a thirtieth as long. Others wait as shipped."""


@dataclass(frozen=True)
class Shown:
    """What was seen: the notification that both teams got, and when the network was partitioned.

    ``control`` is what the team of the infrastructure got of the busy disk. Times are in seconds since the
    epoch.
    """

    stack: Stack
    partitioned: float
    notification: Mapping[str, Any]
    control: Mapping[str, Any]
    seconds: float

    @property
    def alert(self) -> Mapping[str, Any]:
        """The alert in the notification that tells of both."""
        return next(a for a in self.notification["alerts"] if a["labels"]["alertname"] == ALERT)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; with --once, exit as soon as all is shown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="exit when the incident was told of")
    parser.add_argument("--patience", type=float, default=240.0, help="seconds to wait for what must come")
    parser.add_argument(
        "--no-partition", action="store_true", help="leave the network whole: the demo must fail"
    )
    parser.add_argument("--folder", type=Path, help="an empty folder to work in instead of build/demo-s3")
    options = parser.parse_args(arguments)

    def play(come: Callable[[], None]) -> None:
        folder = empty(options.folder, BUILD / "demo-s3")
        with demo(folder, options.patience, WELL_KNOWN, partition=not options.no_partition, say=say) as shown:
            tell(shown)
            come()
            if not options.once:
                stay_up(shown.stack, "live predictions, and a network that is whole again")

    return run(play)


@contextlib.contextmanager
def demo(
    folder: Path,
    patience: float,
    ports: Ports = ANY_PORTS,
    *,
    partition: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Shown]:
    """Show all of it; then predictions go on to the end of the context."""
    # The exporter's configuration names it, and the exporter starts first.
    port = ports.prometheus if ports.prometheus is not None and is_free(ports.prometheus) else free_port()
    listening = replace(ports, prometheus=port)
    config = prepare(folder, f"http://127.0.0.1:{port}")
    say("building the reference from 10,000 known good records and their verdicts")
    build_reference(folder, config)
    start = time.time()
    say(f"writing {DAYS:.0f} days of the cluster's counters and of the model's outcomes into Prometheus")
    world = World(fill(folder, start))
    write_past(world, folder, start, PAST_SECONDS)
    rules = {"wait": WAITS, "range_factor": 1 / 60, "shortest_range": 5.0, "group_factor": 1 / 3}
    with (
        StaticTarget(world.cluster.advance(time.time())) as target,
        live(world, folder, target, start),
        stack(folder, config, listening, targets={"node": [target.address]}, **rules) as running,
    ):
        say(f"exporter     {running.exporter.url}/metrics")
        say(f"Prometheus   {running.prometheus.url}/alerts")
        say(f"Alertmanager {running.alertmanager.url}/#/alerts")
        forecasts_known(running, patience)
        settled(running, patience, 10)
        silent(running)
        say("all signals are within their bands, and nothing was heard")
        say("a disk is busy, which has nothing to do with the model")
        world.cluster.disk_busy = True
        control = infrastructure_alone(running, patience)
        world.cluster.disk_busy = False
        say("the team of the infrastructure was told, and nobody else")
        settled(running, patience, 60)
        say("the network is partitioned" if partition else "nothing happens to the network")
        told = len(running.hook.notifications)
        partitioned = time.time()
        if partition:
            world.partition()
        notification = heard_by_both(running, told, patience)
        seconds = time.time() - partitioned
        say(f"one notification to both teams, {seconds:.0f} s after")
        yield Shown(running, partitioned, notification, control, seconds)
        world.heal()


def prepare(folder: Path, prometheus: str) -> Path:
    """Write the configuration into an empty folder; returns it."""
    config = yaml.safe_load((HERE / "config.yml").read_text(encoding="utf-8"))
    # The shipped file judges every 15 s, and asks every minute for what an incident of an hour shows.
    config["evaluation_interval"] = "1s"
    config["windows"] = ["2m", "1h"]
    own = config["infrastructure"]
    own |= {"prometheus": prometheus, "step": STEP, "history": f"{DAYS:.0f}d", "history_step": "20s"}
    own["correlation"] = {"window": "10m", "max_lag": "30s"}
    missed = f'rate(model_outcomes_total{{prediction="0",label="1",segment=""}}[{RANGE}])'
    fraud = f'rate(model_outcomes_total{{label="1",segment=""}}[{RANGE}])'
    own["models"] = {
        "metrics": {METRIC: f"sum by (model, version) ({missed}) / sum by (model, version) ({fraud})"}
    }
    for signal in own["signals"]:
        signal["query"] = signal["query"].replace("[5m]", f"[{RANGE}]")
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def build_reference(folder: Path, config: Path) -> None:
    """Write known good records as a log and build the reference from it, as a user would."""
    known_good = folder / "known-good.ndjson"
    known_good.write_bytes(b"".join(reference_lines()))
    command = [sys.executable, "-m", "drift_exporter.cli", "reference", "build", "--config", str(config)]
    command += ["--model", MODEL, "--input", str(known_good)]
    built = subprocess.run([*command, "--output", str(folder / "reference.json")], check=False)
    if built.returncode != 0:
        raise DemoError(f"reference build ended with {built.returncode}")


def fill(folder: Path, end: float) -> Cluster:
    """Put the past into Prometheus' storage, before it starts; returns the cluster as it is at the end."""
    samples, blocks = folder / "past.om", folder / "prometheus" / "tsdb"
    blocks.mkdir(parents=True)
    cluster = backfill(samples, end, DAYS)
    # One pass over the file for each block, so a few long ones.
    command = [program("promtool"), "tsdb", "create-blocks-from", "--max-block-duration=432h"]
    filled = subprocess.run(
        [*command, "openmetrics", "-q", str(samples), str(blocks)], check=False, capture_output=True
    )
    if filled.returncode != 0:
        raise DemoError(f"promtool ended with {filled.returncode}: {filled.stderr.decode()[-500:]}")
    samples.unlink()
    return cluster


def tell(shown: Shown) -> None:
    """Print what a person would look at."""
    running, alert = shown.stack, shown.alert
    print()
    print("  labels      " + ", ".join(f"{key}={value}" for key, value in sorted(alert["labels"].items())))
    for name, value in sorted(alert["annotations"].items()):
        print(f"  {name:<11} " + value.replace("\n", "\n" + " " * 14))
    print()
    for line in figures(running.prometheus):
        print("  " + line)
    print()
    report = f"{running.exporter.url}/models/{MODEL}"
    page = requests.get(report, timeout=10)
    if not page.ok:
        raise DemoError(f"the report page answers {page.status_code}")
    print(f"  report page  {report}")
    print(f"  metrics      {running.exporter.url}/metrics")
    print(f"  Prometheus   {running.prometheus.url}/graph?g0.expr=model_infra_correlation&g0.tab=0")
    print(f"  Alertmanager {running.alertmanager.url}/#/alerts")
    print("  The dashboard needs Grafana, which is not started here: docker compose up does.")
    print()


if __name__ == "__main__":
    sys.exit(main())
