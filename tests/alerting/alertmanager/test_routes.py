"""Who gets what, by an alert's labels: routes of the shipped configuration and of its examples."""

from pathlib import Path

import pytest
import yaml

from support.alerting import ROOT, rules
from support.routing import EXAMPLES, SHIPPED, amtool, commented, loaded, routed, routes_of

pytestmark = pytest.mark.servers
# What tells of an alert has the concern of that one.
CONCERNS = sorted({r["labels"]["concern"] for r in rules() if "alert" in r} - {"{{ $labels.concern }}"})
OF_MODELS = sorted({*CONCERNS} - {"incident", "infrastructure", "kubernetes"})
MUTED = "drift|performance|fairness|anomalies"
QUADRANTS = {
    "high impact, 0.99 and more": ("page", "high", "pages"),
    "high impact, 0.9 to 0.99": ("ticket", "high", "tickets"),
    "low impact, 0.99 and more": ("ticket", "low", "tickets"),
    "low impact, 0.9 to 0.99": ("info", "low", "digest"),
}
"""Severity and impact of an alert in each quadrant, and who gets it."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration with all of its examples."""
    return commented(tmp_path_factory.mktemp("examples"), EXAMPLES)


def test_amtool_accepts_the_configuration_and_its_templates() -> None:
    assert "1 templates" in amtool("check-config", SHIPPED)


@pytest.mark.parametrize("concern", OF_MODELS)
@pytest.mark.parametrize("quadrant", QUADRANTS)
def test_each_quadrant_of_the_severity_table_reaches_its_receiver_whatever_it_concerns(
    quadrant: str, concern: str
) -> None:
    severity, impact, receiver = QUADRANTS[quadrant]
    labels = {"severity": severity, "impact": impact, "concern": concern, "team": "risk-ml"}
    assert [receiver] == routed(SHIPPED, alertname="ModelDrift", model="fraud", **labels)


@pytest.mark.parametrize("concern", ["drift", "latency"])
@pytest.mark.parametrize("team", ["risk-ml", "growth", ""])
@pytest.mark.parametrize("quadrant", QUADRANTS)
def test_each_quadrant_of_a_team_reaches_the_teams_receiver_and_others_go_where_they_went(
    examples: Path, quadrant: str, team: str, concern: str
) -> None:
    severity, impact, receiver = QUADRANTS[quadrant]
    own = team == "risk-ml" and severity != "info"
    labels = {"severity": severity, "impact": impact, "concern": concern, "team": team}
    assert [f"{receiver}-risk-ml" if own else receiver] == routed(examples, model="fraud", **labels)


@pytest.mark.parametrize(
    ("concern", "severity", "receivers"),
    [
        ("incident", "page", ["sre-pages", "pages"]),
        ("incident", "ticket", ["sre", "tickets"]),
        ("infrastructure", "ticket", ["sre"]),
        ("kubernetes", "page", ["sre-pages"]),
        ("kubernetes", "ticket", ["sre"]),
        ("kubernetes", "info", ["sre"]),
    ],
)
def test_an_incident_reaches_both_teams_and_the_infrastructure_its_own_only(
    examples: Path, concern: str, severity: str, receivers: list[str]
) -> None:
    labels = {"concern": concern, "severity": severity, "model": "fraud"}
    assert receivers == routed(SHIPPED, team="risk-ml", **labels)
    own = [f"{r}-risk-ml" if r in ("pages", "tickets") else r for r in receivers]
    assert own == routed(examples, team="risk-ml", **labels)


@pytest.mark.parametrize("concern", [c for c in CONCERNS if c != "incident"])
def test_what_has_ended_is_in_the_digest_of_those_whom_it_concerned(concern: str) -> None:
    of_cluster = concern in {"infrastructure", "kubernetes"}
    labels = {"severity": "info", "concern": concern, "alert": "ModelDrift", "model": "news"}
    found = routed(SHIPPED, alertname="InfoEndedThisWeek", **labels)
    assert ["sre" if of_cluster else "digest"] == found


def test_an_alert_without_a_known_severity_is_not_lost(examples: Path) -> None:
    assert ["tickets"] == routed(SHIPPED, alertname="Other") == routed(examples, alertname="Other")


def test_every_severity_that_rules_give_is_routed() -> None:
    given = {
        word
        for r in rules()
        if "alert" in r
        for word in ("page", "ticket", "info")
        if word in r["labels"]["severity"]
    }
    routes = loaded(SHIPPED)["route"]["routes"]
    found = {m.split('"')[1] for r in routes for m in r["matchers"] if m.startswith("severity=")}
    assert given == found == {"page", "ticket", "info"}


def test_continue_tells_a_team_and_all_where_a_last_route_says_so(tmp_path: Path) -> None:
    """The example of docs/alerting.md in the place of the block."""
    text = (ROOT / "docs" / "alerting.md").read_text(encoding="utf-8")
    (both,) = (b for b in text.split("```") if b.startswith("yaml") and "continue: true" in b)
    path = commented(tmp_path, ["team"])
    config = loaded(path)
    (pages,) = (r for r in config["route"]["routes"] if r["receiver"] == "pages")
    pages["routes"] = yaml.safe_load(both.removeprefix("yaml"))
    path.write_text(yaml.safe_dump(config))
    assert ["pages-risk-ml", "pages"] == routed(path, severity="page", team="risk-ml")
    assert ["pages"] == routed(path, severity="page", team="growth")
    # Without the last route `continue` alone does not bring back the receiver above.
    pages["routes"].pop()
    path.write_text(yaml.safe_dump(config))
    assert ["pages-risk-ml"] == routed(path, severity="page", team="risk-ml")


def test_tickets_of_high_impact_come_more_often_by_the_example(examples: Path) -> None:
    (tickets,) = (r for r in loaded(examples)["route"]["routes"] if r["receiver"] == "tickets")
    (own,) = (r for r in tickets["routes"] if 'impact="high"' in r["matchers"])
    assert (own["repeat_interval"], tickets["repeat_interval"]) == ("8h", "24h")


def test_only_what_a_model_has_that_is_trained_anew_is_ever_mute(examples: Path) -> None:
    mute = [r for r in routes_of(loaded(examples)["route"]) if "mute_time_intervals" in r]
    assert len(mute) == 4, "pages and tickets, of all and of the team"
    assert {tuple(route["matchers"]) for route in mute} == {(f'concern=~"{MUTED}"',)}
    assert {*MUTED.split("|")} < {*CONCERNS}
    assert [r for r in routes_of(loaded(SHIPPED)["route"]) if "mute_time_intervals" in r] == []
