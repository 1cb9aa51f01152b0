"""The demo of late labels: clicks fall by 15 % while inputs stay, from log lines to the alert that arrives.

It builds the reference from 2015, then replays two weeks of predictions, and of the clicks that come hours
later, through the running exporter, Prometheus and Alertmanager. In the second week the clicks of the model
clicks fall; the model clicks_control has the same predictions and the clicks without the fall. One
notification has to arrive and to say that the concept has drifted; nothing may be heard of the control.
Everything it writes is in build/demo-s2. Two weeks pass in a minute and a half, so Prometheus runs a copy of
the alert rules with shorter waits and ranges; the shipped ones are tested at their real length by the tests
in alerting/tests. Alertmanager waits as it is shipped to.
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

from clicks.checks import (  # noqa: E402  # found by the line above
    ALERT,
    CONTROL,
    MODEL,
    caught_up,
    control_was_silent,
    figures,
    heard,
)
from clicks.replay import PREDICTIONS, label_log, replay, weeks  # noqa: E402
from clicks.traffic import DAYS, FALL, Traffic, reference_lines, traffic  # noqa: E402
from employment.traffic import live  # noqa: E402
from support.demonstration import BUILD, WELL_KNOWN, empty, run, say, stay_up  # noqa: E402
from support.stack import ANY_PORTS, Ports, Stack, stack  # noqa: E402
from support.telling import build_reference, silent, tell_alert, tell_links  # noqa: E402

WAITS = dict.fromkeys(
    (
        ALERT,
        "ModelClickThroughRateDropped",
        "ModelConceptDriftEarlyWarning",
        "ModelDataDriftCostsPerformance",
        "ModelDrift",
        "ModelPerformanceDropped",
        "ModelPerformanceEstimatorInvalid",
    ),
    "2s",
)
"""Alerts that wait less here: all that are about drift and performance. Others wait as shipped."""

TWO_WEEKS = DAYS * 86_400.0


@dataclass(frozen=True)
class Pace:
    """Seconds that the two weeks take, and seconds to wait for what must come."""

    replay: float = 84.0
    patience: float = 60.0


@dataclass(frozen=True)
class Shown:
    """What was seen. ``turned`` is when the second week began, in seconds since the epoch (of the demo).

    ``notification`` is what came to the webhook, ``page_seconds`` after the beginning.
    """

    stack: Stack
    replayed: Traffic
    turned: float
    notification: Mapping[str, Any]
    page_seconds: float

    @property
    def alert(self) -> Mapping[str, Any]:
        """The alert in the notification that tells of the concept drift."""
        return next(a for a in self.notification["alerts"] if a["labels"]["alertname"] == ALERT)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; with --once, exit as soon as all is shown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="exit when the two weeks are over")
    parser.add_argument("--speed", type=float, default=1.0, help="replay this many times as fast")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for what must come")
    parser.add_argument("--no-fall", action="store_true", help="replay without the fall: the demo must fail")
    parser.add_argument("--folder", type=Path, help="an empty folder to work in instead of build/demo-s2")
    options = parser.parse_args(arguments)
    pace = Pace(Pace.replay / options.speed, options.patience)

    def play(come: Callable[[], None]) -> None:
        folder = empty(options.folder, BUILD / "demo-s2")
        with demo(folder, pace, WELL_KNOWN, fall=0.0 if options.no_fall else FALL, say=say) as shown:
            tell(shown)
            come()
            if not options.once:
                stay_up(shown.stack, "live predictions, whose labels are hours away")

    return run(play)


@contextlib.contextmanager
def demo(
    folder: Path,
    pace: Pace,
    ports: Ports = ANY_PORTS,
    *,
    fall: float = FALL,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Shown]:
    """Build, replay two weeks, look at what came; then predictions go on to the end of the context."""
    began = time.monotonic()
    config = prepare(folder)
    say("building the reference from the 68,785 people of 2015 and their outcomes")
    build_reference(folder, config, MODEL, reference_lines())
    factor = pace.replay / TWO_WEEKS
    rules = {"wait": WAITS, "range_factor": factor, "shortest_range": 5.0}
    with stack(folder, config, ports, group_as_shipped=True, **rules) as running:
        say(f"exporter     {running.exporter.url}/metrics")
        say(f"Prometheus   {running.prometheus.url}/alerts")
        say(f"Alertmanager {running.alertmanager.url}/#/alerts")
        say(f"rules about drift and performance wait 2 s; a day of ranges is {86_400 * factor:.0f} s")
        replayed = traffic(time.time(), fall=fall)
        first, second = weeks(replayed)
        say(f"replaying a week: {len(replayed.predictions) // 2:,} real records, their labels hours later")
        replay(first, folder, replayed.start, replayed.turn, pace.replay / 2)
        turned = time.time()
        silent(running, "before anything has changed")
        say("silent, as it should be")
        say(f"replaying the next: clicks of {MODEL} fall by {fall:.0%}, those of {CONTROL} do not")
        replay(second, folder, replayed.turn, replayed.end, pace.replay / 2)
        caught_up(running, replayed, pace.patience)
        notification = heard(running, pace.patience)
        page_seconds = time.monotonic() - began
        control_was_silent(running)
        say(f"one notification, and nothing of {CONTROL}; {page_seconds:.0f} s since the beginning")
        with live([event.line for event in replayed.predictions], folder / PREDICTIONS):
            yield Shown(running, replayed, turned, notification, page_seconds)


def prepare(folder: Path) -> Path:
    """Write the configuration and empty logs into an empty folder; returns the configuration."""
    for log in (folder / PREDICTIONS, *(folder / label_log(model) for model in (MODEL, CONTROL))):
        log.parent.mkdir(exist_ok=True)
        log.touch()
    config = yaml.safe_load((HERE / "config.yml").read_text(encoding="utf-8"))
    # The shipped file judges every 15 s; here four hours pass in a second.
    config["evaluation_interval"] = "1s"
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def tell(shown: Shown) -> None:
    """Print what a person would look at."""
    running, alert = shown.stack, shown.alert
    tell_alert(alert)
    others = sorted({a["labels"]["alertname"] for a in shown.notification["alerts"]} - {ALERT})
    print(f"  in the same notification: {', '.join(others) or 'nothing else'}")
    print()
    for line in figures(running.prometheus):
        print("  " + line)
    tell_links(running, MODEL, "model_concept_drift_confidence")


if __name__ == "__main__":
    sys.exit(main())
