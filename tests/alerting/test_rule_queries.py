"""Expressions of rules, read without a server: what linters of rules (pint above all) look for.

Not checked here: what needs a Prometheus that is in use (cost of queries, how many alerts there would have
been, external labels), what promtool checks (syntax, templates, duplicates), what other tests do (links:
test_documentation.py, runbooks and owners: test_rules.py, that there is an answer:
tests/integration/test_rule_answers.py).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser as promql
import pytest

from support.alerting import intervals, recorded_names, rules
from support.promql import COMPARISONS, SETS, calls, is_on, labels, parts_of, selectors
from support.rule_labels import BUILT_IN, exposed, is_counter, labels_of, labels_of_answer
from support.short_rules import seconds

SCRAPE_SECONDS = 15.0
OF_COUNTERS = ("rate", "increase", "irate", "resets")
FILTERED = "what is recorded is there only where it is so"
WITHOUT_COMPARISON = {
    "DriftExporterGone": "what was there and is not any more",
    "InfrastructureSignalAnomalous": FILTERED,
    "InfrastructureGroupAnomalous": FILTERED,
    "ModelConceptDriftDetected": FILTERED,
}
COUNTERS_AS_THEY_ARE = {
    ("ModelPredictionsAbsent", "model_predictions_total"): "whether there are series at all",
    ("model:click_labels:known", "model_outcomes_total"): "whether there are series at all",
}
ONE_SERIES = "one series where replicas disagree, so that a join does not fail; which one does not matter"
FRAGILE = {"model:info:max": ONE_SERIES, "model_any_version:info:max": ONE_SERIES}
NAMES = {
    "drift_exporter:links": "a constant, without a level or an operation",
    "drift_exporter:window_pair": "a constant, without a level or an operation",
}

Rule = Mapping[str, Any]


def name_of(rule: Rule) -> str:
    return str(rule.get("record") or rule["alert"])


def binaries(rule: Rule) -> Iterator[promql.BinaryExpr]:
    return (n for n in parts_of(rule["expr"]) if isinstance(n, promql.BinaryExpr))


def alerts() -> list[Rule]:
    return [rule for rule in rules() if "alert" in rule]


def labels_of_alert(name: str) -> frozenset[str]:
    """Labels of all alerts of this name, those that its rules add included."""
    own = [labels_of_answer(r) | frozenset(r["labels"]) for r in alerts() if r["alert"] == name]
    return frozenset.intersection(*own) | {"alertname", "alertstate"}


def labels_of_side(node: object) -> frozenset[str]:
    """Labels of one side of a match; an alert that it names has those of that alert."""
    if isinstance(node, promql.VectorSelector) and node.name == "ALERTS":
        (named,) = [m.value for m in node.matchers.matchers if m.name == "alertname"]
        return labels_of_alert(named)
    return labels(node, labels_of)


def test_every_metric_is_in_a_real_exposition_or_recorded() -> None:
    used = {s.name for rule in rules() for s in selectors(rule["expr"])}
    assert len(used) > 100
    assert used - exposed().keys() - {*recorded_names()} - BUILT_IN == set()


def test_rates_are_of_counters_and_of_nothing_that_was_computed() -> None:
    asked = [c for rule in rules() for c in calls(rule["expr"], *OF_COUNTERS)]
    assert len(asked) > 50
    for call in asked:
        (over,) = call.args
        assert isinstance(over, promql.MatrixSelector), call
        assert is_counter(over.vector_selector.name), call


def test_counters_are_not_used_as_they_are() -> None:
    found = set()
    for rule in rules():
        used = Counter(s.name for s in selectors(rule["expr"]) if is_counter(s.name))
        rated = Counter(c.args[0].vector_selector.name for c in calls(rule["expr"], *OF_COUNTERS))
        found |= {(name_of(rule), name) for name in used - rated}
    assert set(COUNTERS_AS_THEY_ARE) == found


def test_ranges_hold_four_scrapes_or_two_evaluations() -> None:
    every = {r["record"]: interval for interval, r in intervals() if "record" in r}
    for rule in rules():
        for node in parts_of(rule["expr"]):
            if isinstance(node, promql.MatrixSelector):
                name = node.vector_selector.name
                shortest = 2 * every[name] if name in every else 4 * SCRAPE_SECONDS
                assert node.range.total_seconds() >= shortest, (name_of(rule), name)


def test_nothing_looks_into_the_future() -> None:
    offsets = [s.offset.total_seconds() for rule in rules() for s in selectors(rule["expr"]) if s.offset]
    assert offsets
    assert min(offsets) > 0


def test_labels_that_are_aggregated_by_are_there() -> None:
    for rule in rules():
        for node in parts_of(rule["expr"]):
            if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
                missing = {*node.modifier.labels} - labels(node.expr, labels_of)
                by = node.modifier.type == promql.AggModifierType.By
                assert not (by and missing), (name_of(rule), str(node), missing)


def test_labels_that_are_matched_on_are_there_on_both_sides() -> None:
    matched = [(r, n) for r in rules() for n in binaries(r) if n.modifier is not None and is_on(n.modifier)]
    assert len(matched) > 100
    for rule, node in matched:
        for side in (node.lhs, node.rhs):
            missing = {*node.modifier.matching.labels} - labels_of_side(side)
            assert missing == set(), (name_of(rule), str(side))


def test_sides_that_are_matched_without_on_have_the_same_labels() -> None:
    """Otherwise nothing ever matches; a constant has to be made a scalar."""
    for rule in rules():
        for node in binaries(rule):
            plain = node.modifier is None or node.modifier.matching is None
            left, right = labels(node.lhs, labels_of), labels(node.rhs, labels_of)
            if plain and left and right and str(node.op) != "or":
                assert left == right, (name_of(rule), str(node), left ^ right)


@pytest.mark.parametrize("rule", alerts(), ids=lambda r: r["alert"])
def test_templates_use_labels_that_the_expression_keeps(rule: Rule) -> None:
    text = " ".join([*rule["annotations"].values(), *rule["labels"].values()])
    used = {*re.findall(r"\$labels\.(\w+)", text)}
    assert used <= labels_of_answer(rule)


def test_an_alert_compares_something() -> None:
    without = {
        rule["alert"] for rule in alerts() if not any(str(n.op) in COMPARISONS for n in binaries(rule))
    }
    assert set(WITHOUT_COMPARISON) == without


def test_bool_is_for_recorded_yes_and_no_only() -> None:
    """In an alert it would make every series one that alerts."""
    with_bool = {
        name_of(rule)
        for rule in rules()
        for node in binaries(rule)
        if node.modifier is not None and node.modifier.return_bool
    }
    assert with_bool == {"infra:signal_outside:bool", "infra:signal_anomalous:bool"}


def test_nothing_asks_whether_all_is_absent() -> None:
    """It would have no labels, so no model, no team: what is missing is told by what was there before."""
    assert [name_of(r) for r in rules() if calls(r["expr"], "absent", "absent_over_time")] == []


def test_what_series_are_among_the_largest_is_not_recorded() -> None:
    """Series would come and go with the order of others."""
    fragile = {
        name_of(rule)
        for rule in rules()
        for node in parts_of(rule["expr"])
        if isinstance(node, promql.AggregateExpr) and str(node.op) in {"topk", "bottomk"}
    }
    assert set(FRAGILE) == fragile


def test_regular_expressions_are_needed_and_are_anchored_by_themselves() -> None:
    patterns = [
        m.value
        for rule in rules()
        for s in selectors(rule["expr"])
        for m in s.matchers.matchers
        if m.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)  # they have no hash
    ]
    assert patterns
    for pattern in patterns:
        assert re.search(r"[.*+?|\[(]", pattern), pattern
        assert not re.search(r"^\^|\$$|^\.\*$", pattern), pattern


def test_an_alert_waits_for_an_evaluation_at_least() -> None:
    waits = [(interval, rule) for interval, rule in intervals() if "alert" in rule]
    assert [r["alert"] for interval, r in waits if seconds(r["for"]) < interval] == []


def test_recorded_names_are_level_metric_and_operations() -> None:
    odd = {n for n in recorded_names() if not re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", n)}
    assert set(NAMES) == odd


def test_no_rule_is_there_twice() -> None:
    keys = [
        (name_of(r), tuple(sorted(r.get("labels", {}).items())), promql.parse(r["expr"]).prettify())
        for r in rules()
    ]
    assert len(keys) == len(set(keys))
    recorded = [key[:2] for key, rule in zip(keys, rules(), strict=True) if "record" in rule]
    assert len(recorded) == len(set(recorded))


def test_sets_are_never_of_numbers() -> None:
    """``a and 0.5`` is no query; a constant in a set is a vector that matches nothing but on ()."""
    for rule in rules():
        for node in binaries(rule):
            if str(node.op) in SETS:
                assert labels(node.lhs, labels_of), (name_of(rule), str(node))
