"""Read the generated dashboards: their panels, their queries, and what a Prometheus is asked in the end.

Grafana fills in variables before it asks. ``substitute`` does the same with plain values.
"""

import contextlib
import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

from support.servers import until

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
    "kind": "feature",
    "window": "24h",
    "method": "psi",
    "metric": ".*",
    "attribute": ".*",
    "detector": ".*",
    "signal": "network_retransmits",
    "job": ".*",
    "instance": ".*",
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


def drawn(path: Path) -> list[Json]:
    """All panels but rows."""
    return [panel for panel in panels(path) if panel["type"] != "row"]


def objects(value: Any) -> Iterator[Json]:  # noqa: ANN401
    """All objects in a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


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
    """``expression`` with ``$name`` and ``${name}`` replaced; a name without a value is a KeyError.

    A number after a dollar is what label_replace has found.
    """
    return re.sub(r"\$([a-z_]\w*)|\$\{([a-z_]\w*)\}", lambda found: values[found[1] or found[2]], expression)


def expressions(path: Path) -> list[tuple[str, str]]:
    """Where it stands and expression, of all that a dashboard asks Prometheus for."""
    asked = [(name, selector) for name, (selector, _) in variable_queries(path).items()]
    return [*panel_queries(path), *annotation_queries(path), *asked]


def ask(url: str, target: Json, values: Mapping[str, str] = ANYTHING, seconds: float = 30.0) -> list[Json]:
    """Series that a Prometheus at ``url`` answers to a panel's query; an error of the query is an HTTPError.

    Range queries, as Grafana's graphs ask them, are over the last ``seconds``.
    """
    expression = substitute(target["expr"], values)
    now = time.time()
    if target["instant"]:
        path, when = "query", {"time": now}
    else:
        path, when = "query_range", {"start": now - seconds, "end": now, "step": 1.0}
    answer = requests.get(f"{url}/api/v1/{path}", params={"query": expression, **when}, timeout=10)
    if not answer.ok:
        raise requests.HTTPError(f"{answer.status_code} {answer.text} for {expression}", response=answer)
    return list(answer.json()["data"]["result"])


def finite(series: Json) -> bool:
    """Whether there is something to draw: a number, and not only NaN or infinity."""
    samples = series.get("values") or [series["value"]]
    return any(math.isfinite(float(value)) for _, value in samples)


def unanswered(url: str, asked: Iterable[tuple[str, Json]], values: Mapping[str, str]) -> list[str]:
    """Panel and expression of the queries that have no number to show, after the time it may take."""
    queries = list(asked)

    def empty() -> list[str]:
        return [f"{t}: {q['expr']}" for t, q in queries if not any(map(finite, ask(url, q, values)))]

    with contextlib.suppress(TimeoutError):
        until(lambda: not empty(), timeout=40, interval=1)
    return empty()


def label_values(url: str, selector: str, label: str, values: Mapping[str, str] = ANYTHING) -> list[str]:
    """What a variable offers: the values of ``label`` on the series of ``selector``."""
    answer = requests.get(
        f"{url}/api/v1/label/{label}/values", params={"match[]": substitute(selector, values)}, timeout=10
    )
    answer.raise_for_status()
    return list(answer.json()["data"])
