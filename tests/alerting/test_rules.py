"""The rule files: correct, complete, explained. What each alert does is in alerting/tests, run here."""

import functools
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from drift_exporter.expose import catalogue
from support.alerting import (
    ALERTING,
    CLUSTER_METRICS,
    RULE_FILES,
    alert_names,
    exposed_names,
    recorded_names,
    rules,
)
from support.promql import selectors
from support.short_rules import seconds

RULE_TESTS = sorted((ALERTING / "tests").glob("*.yml"))
RUNBOOKS = ALERTING / "runbooks"
# What Prometheus itself adds, and what users record.
BUILT_IN = {"up", "ALERTS", "infra:signal:value"}
# Alerts about an exporter, and not about one of its models.
OF_EXPORTERS = {"DriftExporterDown", "DriftExporterGone", "DriftExporterConfigReloadFailed"}
# Has team and impact from the alert that it tells of.
OF_ALERTS = {"InfoEndedThisWeek"}


def ids(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, timeout=300)


@functools.cache
def rule_tests() -> dict[str, list[dict[str, Any]]]:
    """Tests by the name of their file."""
    return {p.stem: yaml.safe_load(p.read_text(encoding="utf-8"))["tests"] for p in RULE_TESTS}


def annotation_queries() -> list[str]:
    """PromQL in annotations and label templates, with their placeholders filled."""
    found = []
    for rule in rules():
        for text in [*rule.get("annotations", {}).values(), *rule.get("labels", {}).values()]:
            found += re.findall(r'query "([^"]+)"', text)
            found += re.findall(r"query \(printf `([^`]+)`", text)
    return [q.replace("%q", '"x"').replace("%s", 'model="x"') for q in found]


@pytest.mark.servers
def test_promtool_accepts_the_rules_without_a_complaint() -> None:
    result = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "duplicate" not in result.stdout


@pytest.mark.servers
@pytest.mark.parametrize("path", RULE_TESTS, ids=ids(RULE_TESTS))
def test_promtool_rule_tests(path: Path) -> None:
    result = run("promtool", "test", "rules", path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", alert_names())
def test_every_alert_is_tested_silent_pending_and_firing_with_its_annotations(name: str) -> None:
    tests = [t for own in rule_tests().values() for t in own]
    cases = [c for t in tests for c in t.get("alert_rule_test", []) if c["alertname"] == name]
    fired = [alert for case in cases for alert in case["exp_alerts"]]
    expressions = [e["expr"] for t in tests for e in t.get("promql_expr_test", []) if e["exp_samples"]]
    assert any(case["exp_alerts"] == [] for case in cases)
    assert any(name in e and 'alertstate="pending"' in e for e in expressions)
    assert fired
    for rule in rules():
        if rule.get("alert") == name:
            assert {*rule["annotations"]} == {*fired[0]["exp_annotations"]}


def times(test: dict[str, Any], name: str) -> tuple[list[float], list[float]]:
    """Seconds at which a test has the alert firing, and at which it has none."""
    cases = [
        (c["eval_time"], c["exp_alerts"]) for c in test.get("alert_rule_test", []) if c["alertname"] == name
    ]
    moments = [e for e in test.get("promql_expr_test", []) if re.search(r"\bALERTS\b(?!.*\[)", e["expr"])]
    told = [e for e in moments if f'"{name}"' in e["expr"] and "pending" not in e["expr"]]
    cases += [(e["eval_time"], e["exp_samples"]) for e in told if "severity=" not in e["expr"]]
    return [seconds(t) for t, a in cases if a], [seconds(t) for t, a in cases if not a]


@pytest.mark.parametrize("name", alert_names())
def test_every_alert_is_tested_to_end(name: str) -> None:
    spans = [times(t, name) for own in rule_tests().values() for t in own]
    assert any(firing and silent and max(silent) > min(firing) for firing, silent in spans)


@pytest.mark.parametrize("severity", ["page", "ticket", "info"])
@pytest.mark.parametrize("impact", ["high", "low"])
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("drift", "ModelDrift"),
        ("concept", "ModelConceptDriftDetected"),
        ("performance", "ModelPerformanceDropped"),
        ("drift_kind", "ModelConceptDrift"),
        ("drift_kind", "ModelDataDriftCostsPerformance"),
        ("clicks", "ModelClickThroughRateDropped"),
        ("fairness", "ModelFourFifthsRuleBroken"),
        ("anomalies", "ModelAnomalyRatioHigh"),
    ],
)
def test_every_quadrant_of_the_severity_table_is_tested(
    severity: str, impact: str, file: str, name: str
) -> None:
    fired = {
        (alert["exp_labels"]["severity"], alert["exp_labels"]["impact"])
        for t in rule_tests()[file]
        for case in t.get("alert_rule_test", [])
        if case["alertname"] == name
        for alert in case["exp_alerts"]
    }
    possible = (severity, impact) not in {("page", "low"), ("info", "high")}
    assert possible == ((severity, impact) in fired)


def test_every_metric_that_rules_use_is_exposed_or_recorded() -> None:
    known = exposed_names() | BUILT_IN | CLUSTER_METRICS | set(recorded_names())
    expressions = [rule["expr"] for rule in rules()] + annotation_queries()
    assert len(expressions) > 60
    used = {s.name for e in expressions for s in selectors(e)}
    assert len(used) > 25
    assert used - known == set()


def test_every_label_that_rules_select_by_is_one_the_metric_has() -> None:
    has = {m.name: {*m.labels, "job", "instance"} for m in catalogue.METRICS}
    for rule in rules():
        for selector in selectors(rule["expr"]):
            for matcher in selector.matchers.matchers:
                assert matcher.name in has.get(selector.name, {matcher.name}), rule


@pytest.mark.parametrize("name", alert_names())
def test_every_alert_has_a_runbook_with_its_four_parts(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    queries = re.findall(r"```promql\n(.+?)```", text, re.DOTALL)
    assert queries
    known = exposed_names() | BUILT_IN | CLUSTER_METRICS | set(recorded_names())
    for query in queries:
        assert {s.name for s in selectors(query)} <= known


def test_no_runbook_is_left_over() -> None:
    assert sorted(p.stem for p in RUNBOOKS.glob("*.md")) == alert_names()


def test_every_alert_links_to_its_runbook_and_says_who_is_concerned() -> None:
    for rule in (r for r in rules() if "alert" in r):
        # Alerts that are not about a model alone are for who runs what is below it; the others join its team.
        below = rule["labels"]["concern"] in {"infrastructure", "kubernetes"} or rule["alert"] in OF_EXPORTERS
        assert (below or rule["alert"] in OF_ALERTS) != ("team, impact" in rule["expr"]), rule["alert"]
        team = {"team": "sre"} if below else {}
        assert {"severity", "concern", *team} == {*rule["labels"]}
        assert team.items() <= rule["labels"].items()
        assert rule["annotations"]["runbook_url"].endswith(f"/{rule['alert']}.md")
        assert {"summary", "description", "runbook_url", "dashboard_url"} <= {*rule["annotations"]}
        assert "for" in rule


def test_every_rule_has_a_comment_above_it() -> None:
    for path in RULE_FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        starts = [i for i, line in enumerate(lines) if re.match(r"\s+- (record|alert):", line)]
        assert starts
        assert [lines[i] for i in starts if not lines[i - 1].lstrip().startswith("#")] == []


@pytest.mark.parametrize("name", alert_names())
def test_why_an_alert_waits_as_long_is_said_where_it_does(name: str) -> None:
    lines = [line for path in RULE_FILES for line in path.read_text(encoding="utf-8").splitlines()]
    first = next(i for i, line in enumerate(lines) if line == f"      - alert: {name}")
    wait = next(i for i, line in enumerate(lines) if i > first and line.startswith("        for: "))
    assert re.match(r" {8}# .{15,}\.$", lines[wait - 1])
    own = {r["for"] for r in rules() if r.get("alert") == name}
    assert len(own) == 1


def test_thresholds_are_recorded_constants_of_their_own_file() -> None:
    thresholds = [r for r in rules() if r.get("record", "").startswith("drift_exporter:threshold:")]
    assert thresholds
    assert [r for r in thresholds if not re.fullmatch(r"vector\([\d.]+\)", r["expr"])] == []
    for path in RULE_FILES:
        text = path.read_text(encoding="utf-8")
        own = set(re.findall(r"record: (drift_exporter:threshold:\w+)", text))
        assert set(re.findall(r"drift_exporter:threshold:\w+", text)) == own
