"""What the demonstrations have in common: their reference, silence, and what a person is told."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import requests

from support.demonstration import DemoError
from support.stack import Stack


def build_reference(folder: Path, config: Path, model: str, lines: Iterable[bytes]) -> None:
    """Write known good records as a log and build the reference from it, as a user would."""
    known_good = folder / "known-good.ndjson"
    known_good.write_bytes(b"".join(lines))
    command = [sys.executable, "-m", "drift_exporter.cli", "reference", "build", "--config", str(config)]
    command += ["--model", model, "--input", str(known_good)]
    built = subprocess.run([*command, "--output", str(folder / "reference.json")], check=False)
    if built.returncode != 0:
        raise DemoError(f"reference build ended with {built.returncode}")


def silent(running: Stack, when: str) -> None:
    """Nothing may have been heard, and no alert may fire; ``when`` says what is wrong with those that do."""
    found = [alert["labels"] for note in running.hook.notifications for alert in note.payload["alerts"]]
    found += [alert["labels"] for alert in running.prometheus.alerts("firing")]
    if found:
        raise DemoError(f"alerts {when}: {found}")


def tell_alert(alert: Mapping[str, Any]) -> None:
    """Print an alert as it came."""
    print()
    print("  labels      " + ", ".join(f"{key}={value}" for key, value in sorted(alert["labels"].items())))
    for name, value in sorted(alert["annotations"].items()):
        print(f"  {name:<11} " + value.replace("\n", "\n" + " " * 14))


def tell_links(running: Stack, model: str, expression: str) -> None:
    """Print where to look; DemoError where the report page does not answer."""
    report = f"{running.exporter.url}/models/{model}"
    page = requests.get(report, timeout=10)
    if not page.ok:
        raise DemoError(f"the report page answers {page.status_code}")
    print()
    print(f"  report page  {report}")
    print(f"  metrics      {running.exporter.url}/metrics")
    print(f"  Prometheus   {running.prometheus.url}/graph?g0.expr={expression}&g0.tab=0")
    print(f"  Alertmanager {running.alertmanager.url}/#/alerts")
    print("  The dashboard needs Grafana, which is not started here: docker compose up does.")
    print()
