"""The demo: a real model's real drift, from log lines to the alert that a person gets.

It builds the reference from 2015, replays 2016 and 2017 (nothing may alert), then 2018 with a shifted mix
(the alert must come), through the running exporter, Prometheus and Alertmanager. Everything it writes is in
build/demo. Days pass in a minute and a half, so Prometheus runs a copy of the alert rules in which ModelDrift
waits less; the shipped ones are tested at their real length by the tests in alerting/tests.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from employment.traffic import Traffic, live, reference_lines, traffic  # noqa: E402  # found by the line above
from support.demonstration import BUILD, WELL_KNOWN, empty, run, say, stay_up  # noqa: E402
from support.handles import Prometheus  # noqa: E402
from support.stack import ANY_PORTS, Ports, Stack, awaited, received, replay, stack  # noqa: E402
from support.telling import build_reference, silent, tell_alert, tell_links  # noqa: E402

FIRST_LINES = 100


@dataclass(frozen=True)
class Pace:
    """Seconds that the stable years and the shifted mix take, and seconds to wait for what must come."""

    stable: float = 45.0
    shifted: float = 30.0
    patience: float = 60.0


@dataclass(frozen=True)
class Shown:
    """What was seen. ``silent_until`` is when the stable years ended, in seconds since the epoch.

    ``rejected`` of ``columns`` columns are drifted to a plain chi-square test of the stable years. The first
    metric was in Prometheus, and the page at the webhook, so many seconds after the beginning.
    """

    stack: Stack
    replayed: Traffic
    silent_until: float
    rejected: int
    columns: int
    page: Mapping[str, Any]
    first_metric_seconds: float
    page_seconds: float


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; with --once, exit as soon as the alert has arrived."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="exit when the alert has arrived")
    parser.add_argument("--speed", type=float, default=1.0, help="replay this many times as fast")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for what must come")
    parser.add_argument("--no-shift", action="store_true", help="replay 2018 as it was: the demo must fail")
    parser.add_argument("--folder", type=Path, help="an empty folder to work in instead of build/demo")
    options = parser.parse_args(arguments)
    pace = Pace(Pace.stable / options.speed, Pace.shifted / options.speed, options.patience)

    def play(come: Callable[[], None]) -> None:
        folder = empty(options.folder, BUILD / "demo")
        with demo(folder, pace, WELL_KNOWN, shift=not options.no_shift, say=say) as shown:
            tell(shown)
            come()
            if not options.once:
                stay_up(shown.stack, "live traffic of the shifted mix")

    return run(play)


@contextlib.contextmanager
def demo(
    folder: Path,
    pace: Pace,
    ports: Ports = ANY_PORTS,
    *,
    shift: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Shown]:
    """Build, replay, wait for the alert; then the shifted traffic goes on to the end of the context."""
    began = time.monotonic()
    log, config = prepare(folder)
    say("building the reference from the 68,785 people of 2015")
    build_reference(folder, config, "employment", reference_lines())
    # All other alerts wait as long as they are shipped to: they have no part in this.
    with stack(folder, config, ports, wait={"ModelDrift": "2s"}) as running:
        say(f"exporter     {running.exporter.url}/metrics")
        say(f"Prometheus   {running.prometheus.url}/alerts")
        say(f"Alertmanager {running.alertmanager.url}/#/alerts")
        replayed = traffic(time.time(), shift=shift)
        first_metric = replay_first(replayed, log, running.prometheus, pace) - began
        say(f"first metric in Prometheus after {first_metric:.0f} s")
        say(f"replaying {len(replayed.stable) - replayed.flaws:,} real records of 2016 and 2017")
        silent_until = replay_stable(replayed, log, running, pace)
        rejected, columns = plain_tests(running.prometheus)
        say("silent, as it should be: no alert. A plain chi-square test at p < 0.05 calls")
        say(f"{rejected} of {columns} columns drifted in the same records")
        say(f"replaying {len(replayed.shifted):,} real records of 2018{DRAWN if shift else ', as they were'}")
        page = replay_shifted(replayed, log, running, pace)
        page_seconds = time.monotonic() - began
        say(f"the page arrived after {page_seconds:.0f} s")
        with live(replayed.shifted, log):
            yield Shown(running, replayed, silent_until, rejected, columns, page, first_metric, page_seconds)


DRAWN = ", drawn so that people over 60 are 60 % instead of 24 %"


def prepare(folder: Path) -> tuple[Path, Path]:
    """Write the configuration into an empty folder; returns the log and the configuration."""
    (folder / "logs").mkdir()
    config = yaml.safe_load((HERE / "config.yml").read_text(encoding="utf-8"))
    # The shipped file judges every 15 s; here a quarter of an hour passes in each tenth of a second.
    config["evaluation_interval"] = "1s"
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return folder / "logs" / "predictions.ndjson", path


def replay_first(replayed: Traffic, log: Path, server: Prometheus, pace: Pace) -> float:
    """Some lines first, to see the first metric in Prometheus; returns when it was there (monotonic)."""
    replay(replayed.stable[:FIRST_LINES], log, 0)
    awaited(
        lambda: server.query(f"sum(model_predictions_total) >= {FIRST_LINES}"),
        lambda: f"the first {FIRST_LINES} records are counted; scraped: {server.query('up')}",
        pace.patience,
    )
    return time.monotonic()


def replay_stable(replayed: Traffic, log: Path, running: Stack, pace: Pace) -> float:
    """Two real years without a drift worth an alarm: nothing may be heard. Returns when they had ended."""
    server = running.prometheus
    replay(replayed.stable[FIRST_LINES:], log, pace.stable)
    expected = len(replayed.stable) - replayed.unreadable
    awaited(
        lambda: server.query(f"sum(model_predictions_total) >= {expected}"),
        lambda: f"all {expected} records are counted; counted: {server.query('model_predictions_total')}",
        pace.patience,
    )
    silent(running, "on a stream without drift")
    return time.time()


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


def _bin(labels: Mapping[str, str]) -> tuple[str, str, str]:
    return labels["column"], labels["kind"], labels["bin"]


def replay_shifted(replayed: Traffic, log: Path, running: Stack, pace: Pace) -> Mapping[str, Any]:
    """The mix shifts: the page must come. Returns the alert as it came to the webhook."""
    replay(replayed.shifted, log, pace.shifted)
    awaited(
        lambda: received(running.hook, "/pages", "ModelDrift"),
        lambda: f"a page for ModelDrift at the webhook; Prometheus has {running.prometheus.alerts()}",
        pace.patience,
    )
    return received(running.hook, "/pages", "ModelDrift")[0]


def tell(shown: Shown) -> None:
    """Print what a person would look at."""
    running, alert = shown.stack, shown.page
    tell_alert(alert)
    print()
    for sample in running.prometheus.query('topk(5, model_drift_score{method="psi",window="24h"})'):
        labels = f"column={sample.labels['column']!r},method='psi',window='24h'"
        print(f"  model_drift_score{{{labels}}} {sample.value:.3f}")
    tell_links(running, "employment", "model_drift_confidence")


if __name__ == "__main__":
    sys.exit(main())
