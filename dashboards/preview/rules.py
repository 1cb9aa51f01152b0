"""What Prometheus would have recorded, and alerted of, by rules that it did not evaluate at the time.

Each rule's expression is asked for over all the times at once, after those that it builds on, and the answers
are written into the past: ``promtool`` makes blocks of recording rules only, and of one layer of them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from support.backfill import KEPT, Values, backfill
from support.servers import Prometheus, prometheus, prometheus_config

Grid = tuple[float, float, float]
"""First time, what no time is beyond, and the step between, in seconds."""

_CONDITION = re.compile(r'\{\{ if eq \$labels\.(\w+) "(.*?)" \}\}(\w+)\{\{ else \}\}(\w+)\{\{ end \}\}')
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True)
class Rule:
    """One rule of a group. ``wait`` and ``keep`` are an alert's ``for`` and ``keep_firing_for``."""

    file: str
    name: str
    alert: bool
    expression: str
    labels: Mapping[str, str]
    wait: float = 0.0
    keep: float = 0.0


def read_rules(files: Iterable[Path]) -> list[Rule]:
    """All rules in the order of the files."""
    found = []
    for path in files:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for one in group["rules"]:
                alert = "alert" in one
                labels = {key: str(value) for key, value in one.get("labels", {}).items()}
                wait, keep = (seconds(one.get(key, "0s")) for key in ("for", "keep_firing_for"))
                name = one["alert" if alert else "record"]
                found.append(Rule(path.name, name, alert, str(one["expr"]), labels, wait, keep))
    return found


def seconds(text: str) -> float:
    """Of a duration such as ``1h30m``."""
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))


def layers(rules: Sequence[Rule]) -> list[list[Rule]]:
    """The rules, in layers that build on the ones before only; ValueError where they go in circles."""
    known: dict[int, int] = {}
    waits = {place: _builds_on(rules, place) for place in range(len(rules))}
    while len(known) < len(rules):
        ready = [p for p in waits if p not in known and all(other in known for other in waits[p])]
        if not ready:
            names = sorted({rules[p].name for p in waits if p not in known})
            raise ValueError(f"rules build on each other in circles: {', '.join(names)}")
        known |= {p: 1 + max((known[other] for other in waits[p]), default=-1) for p in ready}
    return [[rules[p] for p in waits if known[p] == layer] for layer in range(max(known.values()) + 1)]


def _builds_on(rules: Sequence[Rule], place: int) -> list[int]:
    """Places of the rules whose answers this one's expression has in it.

    Of alerts it asks for by name: those above it, and those of other files. Of all: those of other files.
    """
    own = rules[place]
    words = set(re.findall(r"[a-zA-Z_][\w:]*", own.expression))
    named = set("|".join(re.findall(r'alertname=~?"([\w|]+)"', own.expression)).split("|")) - {""}
    found = []
    for other, rule in enumerate(rules):
        if rule.alert:
            elsewhere = rule.file != own.file
            wanted = elsewhere if not named else rule.name in named and (elsewhere or other < place)
            builds = "ALERTS" in words and wanted
        else:
            builds = rule.name in words and other != place
        if builds:
            found.append(other)
    return found


def evaluate(folder: Path, rules: Sequence[Rule], grids: Sequence[Grid]) -> None:
    """Add to the Prometheus in ``folder`` what these rules make of it at these times."""
    for layer in layers(rules):
        series: dict[str, Values] = {}
        with prometheus(folder, prometheus_config({}), flags=KEPT) as server:
            for rule in layer:
                for name, values in _answers(server, rule, grids):
                    if name in series:
                        raise ValueError(f"{rule.file}: {rule.name} makes {name} twice")
                    series[name] = values
        if series:
            backfill(folder, series)


def _answers(server: Prometheus, rule: Rule, grids: Sequence[Grid]) -> Iterator[tuple[str, Values]]:
    found: dict[str, tuple[dict[str, str], list[tuple[float, float]]]] = {}
    for start, end, step in grids:
        for one in server.query_range(rule.expression, start, end, step):
            labels = {key: value for key, value in one["metric"].items() if key != "__name__"}
            points = [(float(time), float(value)) for time, value in one["values"]]
            found.setdefault(str(sorted(labels.items())), (labels, []))[1].extend(points)
    for labels, points in found.values():
        times, values = np.array(points, dtype=np.float64).T
        own = labels | {key: filled(rule, value, labels) for key, value in rule.labels.items()}
        if not rule.alert:
            yield series_name(rule.name, own), (times, values)
            continue
        firing, pending = states(times, rule.wait, rule.keep, grids)
        for state, when in (("firing", firing), ("pending", pending)):
            if len(when):
                name = series_name("ALERTS", {"alertname": rule.name, "alertstate": state} | own)
                yield name, (when, np.ones(len(when)))


def states(
    active: NDArray[np.float64], wait: float, keep: float, grids: Sequence[Grid]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times at which an alert fires, and is pending, whose condition holds at the times ``active``."""
    holds = set(active.tolist())
    firing, pending = [], []
    since: float | None = None
    last = -np.inf
    fires = False
    for now in (
        time for start, end, step in grids for time in np.arange(start, end + step / 2, step).tolist()
    ):
        if now in holds:
            since = now if since is None else since
            fires, last = fires or now - since >= wait, now
        elif not (fires and now - last < keep):
            since, fires = None, False
        if fires:
            firing.append(now)
        elif since is not None:
            pending.append(now)
    return np.array(firing), np.array(pending)


def filled(rule: Rule, text: str, labels: Mapping[str, str]) -> str:
    """A label's text without its template, of the two forms that labels have here."""
    made = _CONDITION.sub(lambda m: m[3] if labels.get(m[1], "") == m[2] else m[4], text)
    made = _LABEL.sub(lambda m: labels.get(m[1], ""), made)
    if "{{" in made:
        raise ValueError(f"{rule.file}: {rule.name} fires, and its label {text!r} is not understood here")
    return made


def series_name(name: str, labels: Mapping[str, Any]) -> str:
    """As Prometheus writes it."""
    pairs = []
    for key, value in sorted(labels.items()):
        escaped = str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        if escaped:
            pairs.append(f'{key}="{escaped}"')
    return f"{name}{{{','.join(pairs)}}}"
