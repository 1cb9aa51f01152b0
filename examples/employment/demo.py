"""The demo: a real model's real drift, from log lines to the alert that a person gets.

It builds the reference from 2015, replays 2016 and 2017 (nothing may alert), then 2018 with a shifted mix (the
alert must come), through the running exporter, Prometheus and Alertmanager. Everything it writes is in
build/demo. Days pass in a minute and a half, so Prometheus runs a copy of the alert rules with shorter waits; the
shipped ones are tested at their real length by the tests in alerting/tests.
"""

import argparse
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import requests
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent))

from support.servers import (  # noqa: E402  # found through the line above
    Prometheus,
    Webhook,
    alertmanager,
    free_port,
    prometheus,
    prometheus_config,
    until,
)
from support.short_rules import shorten_rules  # noqa: E402
from traffic import Traffic, reference_lines, traffic  # noqa: E402

BUILD = ROOT / "build" / "demo"
EXPORTER = [sys.executable, "-m", "drift_exporter.cli"]
STABLE_SECONDS, SHIFTED_SECONDS, TICK = 45.0, 30.0, 0.5
ALERT_SECONDS = 60.0


class DemoError(RuntimeError):
    """The demo did not show what it should; the text says what was missing."""


def main() -> int:
    """Run the demo; with --once, exit as soon as the alert has arrived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="exit when the alert has arrived")
    once = parser.parse_args().once
    try:
        run(once=once)
    except KeyboardInterrupt:
        say("stopped")
    except (DemoError, TimeoutError) as error:
        say(f"FAILED: {error}")
        return 1
    return 0


def run(*, once: bool) -> None:
    """Build, replay, wait for the alert."""
    began = time.monotonic()
    log, config = prepare()
    say("building the reference from the 68,785 people of 2015")
    build_reference(config)
    with running(config) as (exporter, server, hook):
        say(f"exporter   {exporter}/metrics   report: {exporter}/models/employment")
        say(f"Prometheus {server.url}/alerts")
        replayed = traffic(time.time())
        until(
            lambda: server.query('up{job="drift-exporter"} == 1'), 30, what="Prometheus scrapes the exporter"
        )
        replay_stable(replayed, log, server, hook)
        say(f"first records to metrics after {time.monotonic() - began:.0f} s")
        replay_shifted(replayed, log, server, hook)
        tell(exporter, server, hook, time.monotonic() - began)
        if not once:
            say("everything stays up until Ctrl-C")
            while True:
                time.sleep(1)


def prepare() -> tuple[Path, Path]:
    """An empty build folder with the configuration in it; returns the log and the configuration."""
    shutil.rmtree(BUILD, ignore_errors=True)
    (BUILD / "logs").mkdir(parents=True)
    config = yaml.safe_load((HERE / "config.yml").read_text())
    # The shipped file judges every 15 s; here a quarter of an hour passes in each tenth of a second.
    config["evaluation_interval"] = "1s"
    path = BUILD / "config.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return BUILD / "logs" / "predictions.ndjson", path


def build_reference(config: Path) -> None:
    """Write 2015 as a log and build the reference from it, as a user would."""
    known_good = BUILD / "2015.ndjson"
    known_good.write_bytes(b"".join(reference_lines()))
    command = ["reference", "build", "--config", str(config), "--model", "employment"]
    command += ["--input", str(known_good), "--output", str(BUILD / "reference.json")]
    subprocess.run([*EXPORTER, *command], check=True)


@contextlib.contextmanager
def running(config: Path) -> Iterator[tuple[str, Prometheus, Webhook]]:
    """The exporter, Prometheus with the rules, and Alertmanager with a local webhook."""
    rules = shorten_rules(ROOT / "alerting" / "rules", BUILD / "rules")
    with Webhook() as hook, alertmanager(BUILD / "alertmanager", routing(hook.url)) as alerts:
        address = f"127.0.0.1:{free_port()}"
        with (BUILD / "exporter.log").open("wb") as output:
            exporter = subprocess.Popen(
                [*EXPORTER, "serve", "--config", str(config), "--web.listen-address", address],
                stderr=output,
            )
        try:
            scrape = prometheus_config({"drift-exporter": [address]}, alerts.address)
            with prometheus(BUILD / "prometheus", scrape, rules) as server:
                yield f"http://{address}", server, hook
        finally:
            exporter.terminate()
            exporter.wait(timeout=10)


def routing(hook: str) -> dict[str, object]:
    """The shipped routing with every receiver replaced by the local webhook, and without its waits."""
    shipped = yaml.safe_load((ROOT / "alerting" / "alertmanager" / "alertmanager.yml").read_text())
    route = shipped["route"]
    for part in (route, *route["routes"]):
        part.update(group_wait="1s", group_interval="2s")
    receivers = [
        {"name": receiver["name"], "webhook_configs": [{"url": f"{hook}/{receiver['name']}"}]}
        for receiver in shipped["receivers"]
    ]
    return {"route": route, "inhibit_rules": shipped["inhibit_rules"], "receivers": receivers}


def replay(lines: list[bytes], log: Path, seconds: float) -> None:
    """Append the lines to the log, evenly over ``seconds``."""
    start, written = time.monotonic(), 0
    with log.open("ab") as file:
        while written < len(lines):
            due = min(len(lines), int(len(lines) * (time.monotonic() - start) / seconds) + 1)
            file.write(b"".join(lines[written:due]))
            file.flush()
            written = due
            time.sleep(TICK)


def replay_stable(replayed: Traffic, log: Path, server: Prometheus, hook: Webhook) -> None:
    """Two real years without a drift worth an alarm: nothing may be heard."""
    say(f"replaying {len(replayed.stable):,} real records of 2016 and 2017")
    replay(replayed.stable, log, STABLE_SECONDS)
    until(
        lambda: server.query(f"sum(model_predictions_total) >= {len(replayed.stable)}"),
        30,
        what=f"all {len(replayed.stable)} records of 2016 and 2017 are counted",
    )
    heard = [alert for note in hook.notifications for alert in note.payload["alerts"]]
    if heard:
        raise DemoError(f"alerts on a stream without drift: {[alert['labels'] for alert in heard]}")
    rejected, columns = plain_tests(server)
    say(
        f"silent, as it should be: no alert. A plain chi-square test at p < 0.05 calls {rejected} of {columns} "
        "columns drifted in the same records"
    )


def plain_tests(server: Prometheus) -> tuple[int, int]:
    """How many columns the ordinary chi-square test rejects on the totals, and how many there are."""
    from scipy.stats import chi2_contingency  # noqa: PLC0415  # a second to import, only for this remark

    (size,) = (sample.value for sample in server.query("max(model_reference_samples)"))
    counts = {
        _bin(s.labels): s.value for s in server.query("sum by (column, kind, bin) (model_column_bin_total)")
    }
    shares = {
        _bin(s.labels): s.value
        for s in server.query("max by (column, kind, bin) (model_column_reference_ratio)")
    }
    columns = sorted({key[:2] for key in counts})
    rejected = 0
    for column in columns:
        keys = [key for key in counts if key[:2] == column and counts[key] + shares[key] > 0]
        table = [[counts[key] for key in keys], [shares[key] * size for key in keys]]
        rejected += bool(chi2_contingency(table).pvalue < 0.05)
    return rejected, len(columns)


def _bin(labels: dict[str, str]) -> tuple[str, str, str]:
    return labels["column"], labels["kind"], labels["bin"]


def replay_shifted(replayed: Traffic, log: Path, server: Prometheus, hook: Webhook) -> None:
    """The mix shifts: the page must come."""
    say(
        f"replaying {len(replayed.shifted):,} real records of 2018, drawn so that people over 60 are 60 % instead "
        "of 24 %"
    )
    replay(replayed.shifted, log, SHIFTED_SECONDS)
    until(
        lambda: any("ModelDrift" in note.alert_names for note in hook.to("/pages")),
        ALERT_SECONDS,
        what=f"a page for ModelDrift at the webhook; Prometheus has {server.alerts()}",
    )


def tell(exporter: str, server: Prometheus, hook: Webhook, seconds: float) -> None:
    """Print what a person would look at."""
    say(f"the page arrived after {seconds:.0f} s")
    note = next(note for note in hook.to("/pages") if "ModelDrift" in note.alert_names)
    alert = next(alert for alert in note.payload["alerts"] if alert["labels"]["alertname"] == "ModelDrift")
    print()
    print("  labels      " + ", ".join(f"{key}={value}" for key, value in sorted(alert["labels"].items())))
    for name, value in sorted(alert["annotations"].items()):
        print(f"  {name:<11} " + value.replace("\n", "\n" + " " * 14))
    print()
    for sample in server.query('topk(5, model_drift_score{method="psi",window="24h"})'):
        labels = sample.labels
        print(
            f"  model_drift_score{{column={labels['column']!r},method='psi',window='24h'}} {sample.value:.3f}"
        )
    print()
    page = requests.get(f"{exporter}/models/employment", timeout=10)
    if not page.ok:
        raise DemoError(f"the report page answers {page.status_code}")
    print(f"  report page  {exporter}/models/employment")
    print(f"  metrics      {exporter}/metrics")
    print(f"  Prometheus   {server.url}/graph?g0.expr=model_drift_confidence&g0.tab=0")
    print()


def say(text: str) -> None:
    """One line for the person who watches."""
    print(f"demo: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
