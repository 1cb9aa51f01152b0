"""Copies of the shipped rules that wait less and look back less far: for replays of days in minutes only.

The rules in ``alerting/rules`` wait minutes and look back hours, as they should in production, and are tested
at that length by ``alerting/tests``. A demonstration or an end-to-end test that replays a log faster than
real time cannot wait that long. What is generated here says so in a comment at its top and in an annotation
of every alert. Do not run it in production.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_LOOK_BACK = re.compile(rf"(?P<before>\[|(?<=[smhdwy]):|\boffset\s+)(?P<duration>{_DURATION})\b")


def seconds(duration: str) -> float:
    """Length in seconds of a duration as Prometheus writes it, such as ``1h30m``."""
    if not re.fullmatch(_DURATION, duration):
        raise ValueError(f"not a duration: {duration!r}")
    return sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))


def shorten_expression(expression: str, factor: float, shortest: float = 2.0) -> str:
    """Scale every range, subquery step and offset of a PromQL expression; none below ``shortest`` seconds."""

    def scaled(match: re.Match[str]) -> str:
        length = max(seconds(match["duration"]) * factor, min(shortest, seconds(match["duration"])))
        return f"{match['before']}{round(length * 1000)}ms"

    return _LOOK_BACK.sub(scaled, expression)


def shorten_rules(  # noqa: PLR0913 (every option is named)
    source: Path,
    destination: Path,
    *,
    wait: str | Mapping[str, str] = "2s",
    keep_firing: str = "2s",
    range_factor: float = 1.0,
    shortest_range: float = 2.0,
    interval: str = "1s",
    links: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write shortened copies of all ``*.yml`` rule files of a folder; answers the new files.

    ``wait`` replaces every ``for``: one duration for all, or one by an alert's name (what is not named keeps
    its own). ``keep_firing`` replaces ``keep_firing_for``. ``range_factor`` multiplies ranges and offsets, to
    no less than ``shortest_range`` seconds: two scrapes at the least. ``interval`` is set on every group.
    ``links`` replaces bases of the links in notifications (``grafana``, ``exporter``, ``runbooks``).
    """
    destination.mkdir(parents=True, exist_ok=True)
    written = []
    for path in sorted(source.glob("*.yml")):
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group["interval"] = interval
            for rule in group["rules"]:
                _shorten(rule, wait, keep_firing, range_factor, shortest_range)
                if rule.get("record") == "drift_exporter:links":
                    rule["labels"] |= dict(links or {})
        target = destination / path.name
        head = f"# Generated from {path.name} with shorter waits and ranges. Not for production.\n"
        text = yaml.safe_dump(rules, sort_keys=False, allow_unicode=True, width=10_000)
        target.write_text(head + text, encoding="utf-8")
        written.append(target)
    if not written:
        raise FileNotFoundError(f"no rule files (*.yml) in {source}")
    return written


def _shorten(
    rule: dict[str, Any], wait: str | Mapping[str, str], keep_firing: str, factor: float, shortest: float
) -> None:
    rule["expr"] = shorten_expression(rule["expr"], factor, shortest)
    if "alert" not in rule:
        return
    shipped = rule.get("for", "0s")
    rule["for"] = wait if isinstance(wait, str) else wait.get(rule["alert"], shipped)
    if "keep_firing_for" in rule:
        rule["keep_firing_for"] = keep_firing
    rule["annotations"] = rule["annotations"] | {
        "shortened": f"waits {rule['for']} here, {shipped} as shipped; ranges are {factor:g} times as long"
    }
