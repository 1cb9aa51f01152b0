"""The shipped rules as data, for tests."""

import functools
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ALERTING = ROOT / "alerting"
RULES = ALERTING / "rules"
RULE_FILES = sorted(RULES.glob("*.yml"))


@functools.cache
def rules() -> list[dict[str, Any]]:
    """All rules of all files, in order; not to be changed."""
    files = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULE_FILES)
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alert_names() -> list[str]:
    """Names of all alerts, each once."""
    return sorted({rule["alert"] for rule in rules() if "alert" in rule})


def recorded_names() -> list[str]:
    """Names of all recorded series, each once."""
    return sorted({rule["record"] for rule in rules() if "record" in rule})
