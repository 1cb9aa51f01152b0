"""Which metrics the rules may ask for, of which type, and which labels these are sure to have."""

import functools
from collections.abc import Mapping
from typing import Any

import promql_parser
from prometheus_client.parser import text_string_to_metric_families

from support import dashboard_feed, incident_feed, performance_feed
from support.alerting import CLUSTER_METRICS, rules
from support.promql import labels, parts_of

# Infos of models have an owner and an impact; some have a version and a window, and to digest.yml the others
# are equal in these.
_OF_INFOS = frozenset({"team", "impact", "version", "window"})
# What Prometheus itself adds, and what users record.
_OF_PROMETHEUS = {
    "up": frozenset({"job", "instance"}),
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "concern", "model"}) | _OF_INFOS,
    "infra:signal:value": frozenset({"signal"}),
}
BUILT_IN = frozenset(_OF_PROMETHEUS)
# Counters of node_exporter without the suffix that counters have (/proc/net/netstat's own names).
_ODD_COUNTERS = {"node_netstat_Tcp_OutSegs", "node_netstat_Tcp_RetransSegs"}


@functools.cache
def exposed() -> Mapping[str, tuple[str, frozenset[str]]]:
    """Type and labels of each series that exporters expose, by name; not to be changed.

    Read from whole scrapes: of an exporter that has everything, with labels of predictions, and in an
    incident with the cluster below. The labels are those that all series of the name have.
    """
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for text in (dashboard_feed.rich(1), performance_feed.exposition(1), incident_feed.exposition(1)):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                own = frozenset(sample.labels) | {"job", "instance"}
                known = found.get(sample.name, ("", own))[1]
                found[sample.name] = (family.type, own & known)
    return found


def is_counter(name: str) -> bool:
    """Whether a metric only ever grows: counters, and all that histograms have."""
    if name in CLUSTER_METRICS:
        return name.endswith("_total") or name in _ODD_COUNTERS
    return name in exposed() and exposed()[name][0] in {"counter", "histogram"}


def labels_of(name: str) -> frozenset[str]:
    """Labels that all series of a metric have, exposed or recorded; KeyError where it is neither."""
    if name in _OF_PROMETHEUS:
        return _OF_PROMETHEUS[name]
    if name in exposed():
        return exposed()[name][1]
    return _recorded()[name]


def labels_of_answer(rule: Mapping[str, Any]) -> frozenset[str]:
    """Labels that all series of a rule's expression have, without those that the rule adds."""
    return labels(promql_parser.parse(rule["expr"]), labels_of)


@functools.cache
def _recorded() -> Mapping[str, frozenset[str]]:
    """Labels of recorded series; rules may use what later ones record, so they are taken in rounds."""
    found: dict[str, frozenset[str]] = {}
    waiting = [rule for rule in rules() if "record" in rule]
    while waiting:
        names = {rule["record"] for rule in waiting}
        ready = [r for r in waiting if names.isdisjoint(_names(r))]
        if not ready:
            raise ValueError(f"rules use each other in a circle: {sorted(names)}")
        for rule in ready:
            own = labels(promql_parser.parse(rule["expr"]), lambda n: _known(n, found))
            own |= frozenset(rule.get("labels", {}))
            found[rule["record"]] = own & found.get(rule["record"], own)
        waiting = [rule for rule in waiting if rule not in ready]
    return found


def _known(name: str, recorded: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return recorded[name] if name in recorded else labels_of(name)


def _names(rule: Mapping[str, Any]) -> set[str]:
    return {n.name for n in parts_of(rule["expr"]) if isinstance(n, promql_parser.VectorSelector)}
