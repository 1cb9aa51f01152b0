"""Read the generated dashboards: their panels, their queries, and what a Prometheus is asked in the end.

Grafana fills in variables before it asks. ``substitute`` does the same with plain values.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
DASHBOARDS = tuple(sorted((REPOSITORY / "dashboards" / "json").glob("*.json")))

# What Grafana itself provides, as it would be for a panel that shows some minutes scraped every second.
BUILT_IN = {"__rate_interval": "10s", "__interval": "5s", "__range": "5m"}
ANYTHING = BUILT_IN | {
    "team": ".*",
    "impact": ".*",
    "model": "fraud",
    "version": ".*",
    "column": ".*",
    "window": "24h",
    "method": "psi",
}

Json = dict[str, Any]


def dashboard(path: Path) -> Json:
    """The dashboard in a file."""
    loaded: Json = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def panels(path: Path) -> Iterator[Json]:
    """All panels, rows and what collapsed rows hold included."""
    for panel in dashboard(path)["panels"]:
        yield panel
        yield from panel.get("panels", [])


def panel_targets(path: Path) -> list[tuple[str, Json]]:
    """Title of the panel and query object, for each query of each panel."""
    return [(panel["title"], target) for panel in panels(path) for target in panel.get("targets", [])]


def panel_queries(path: Path) -> list[tuple[str, str]]:
    """Title of the panel and expression, for each query of each panel, with variables as they stand."""
    return [(title, target["expr"]) for title, target in panel_targets(path)]


def annotation_queries(path: Path) -> list[tuple[str, str]]:
    """Name and expression of each annotation."""
    return [(a["name"], a["target"]["expr"]) for a in dashboard(path)["annotations"]["list"]]


def variables(path: Path) -> dict[str, Json]:
    """Variables by name, in their order."""
    return {variable["name"]: variable for variable in dashboard(path)["templating"]["list"]}


def variable_queries(path: Path) -> dict[str, tuple[str, str]]:
    """Name to (series selector, label) of each variable that asks Prometheus for a label's values."""
    found = {}
    for name, variable in variables(path).items():
        if variable["type"] == "query":
            parts = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert parts, f"{name}: {variable['query']['query']} is not label_values(series, label)"
            found[name] = (parts[1], parts[2])
    return found


def substitute(expression: str, values: Mapping[str, str] = ANYTHING) -> str:
    """``expression`` with ``$name`` and ``${name}`` replaced; a name without a value is a KeyError."""
    return re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda found: values[found[1] or found[2]], expression)
