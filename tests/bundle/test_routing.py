"""Routes of teams in the shipped Alertmanager configuration, by amtool."""

import subprocess
from pathlib import Path

import pytest
import yaml

from drift_exporter.bundle.routing import slugs, with_teams
from support.alerting import ALERTING
from support.routing import amtool, commented, loaded, routed, routes_of

pytestmark = pytest.mark.servers
SHIPPED = (ALERTING / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
TEAMS = ("Risk ML", "growth", 'quo"te\\s', "it's")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("routing") / "alertmanager.yml"
    path.write_text(with_teams(SHIPPED, TEAMS, "alertmanager.yml"), encoding="utf-8")
    return path


def receivers(config: Path, **labels: str) -> list[str]:
    quoted = [f"{k}={v}" for k, v in labels.items()]
    command = ["amtool", "config", "routes", "test", f"--config.file={config}", *quoted]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


@pytest.mark.parametrize(
    ("severity", "team", "expected"),
    [
        ("page", "Risk ML", "pages-risk-ml"),
        ("ticket", "Risk ML", "tickets-risk-ml"),
        ("info", "Risk ML", "digest"),
        ("page", "growth", "pages-growth"),
        ("ticket", "growth", "tickets-growth"),
        ("page", "it's", "pages-it-s"),
        ("page", "another", "pages"),
        ("ticket", "", "tickets"),
        ("info", "growth", "digest"),
    ],
)
def test_each_team_has_its_receivers_and_others_go_where_they_went(
    config: Path, severity: str, team: str, expected: str
) -> None:
    labels = {"team": team} if team else {}
    assert expected in receivers(config, alertname="ModelDrift", model="m", severity=severity, **labels)


def test_receivers_of_teams_are_those_of_all_but_for_channels() -> None:
    made = yaml.safe_load(with_teams(SHIPPED, TEAMS, "alertmanager.yml"))
    by_name = {r["name"]: r for r in made["receivers"]}
    assert len(by_name) == len(made["receivers"])
    for kind in ("pages", "tickets"):
        own, common = by_name[f"{kind}-risk-ml"], by_name[kind]
        assert {s["channel"] for s in own["slack_configs"]} == {f"#risk-ml-{kind}"}
        for s in (*own["slack_configs"], *common["slack_configs"]):
            s.pop("channel")
        assert {**own, "name": ""} == {**common, "name": ""}
    shipped = yaml.safe_load(SHIPPED)
    assert {k: v for k, v in made.items() if k not in {"route", "receivers"}} == {
        k: v for k, v in shipped.items() if k not in {"route", "receivers"}
    }
    # Only what a team is told is put in between: waiting and grouping are inherited.
    before = [child for r in shipped["route"]["routes"] for child in r.get("routes") or []]
    below = [child for r in made["route"]["routes"] for child in r.get("routes") or []]
    added = [child for child in below if child not in before]
    assert {tuple(sorted(child)) for child in added} == {("matchers", "receiver")}


def test_without_teams_it_is_the_shipped_one() -> None:
    assert with_teams(SHIPPED, (), "alertmanager.yml") == SHIPPED


def test_routes_that_are_below_already_stay_first() -> None:
    text = """\
route:
  receiver: all
  routes:
    - matchers: ['severity="page"']
      receiver: all
      routes:
        - matchers: ['concern="latency"']
          receiver: all
receivers:
  - name: all
"""
    made = yaml.safe_load(with_teams(text, ["a"], "x"))
    below = made["route"]["routes"][0]["routes"]
    assert [r["receiver"] for r in below] == ["all", "all-a"]
    assert [r["name"] for r in made["receivers"]] == ["all", "all-a"]


def test_names_of_teams_are_told_apart() -> None:
    assert slugs(["A b", "a-b", "a b", "日本"]) == {
        "A b": "a-b",
        "a-b": "a-b-2",
        "a b": "a-b-3",
        "日本": "team",
    }


def test_blocks_of_receivers_and_of_retraining_are_commented_in_for_all_teams_at_once(tmp_path: Path) -> None:
    text = with_teams(SHIPPED, TEAMS, "alertmanager.yml")
    assert "team: begin" not in text
    assert "team-retraining: begin" not in text
    folder = tmp_path / "alertmanager"
    commented(folder)
    (folder / "alertmanager.yml").write_text(text, encoding="utf-8")
    path = commented(folder, ["email", "opsgenie", "webhook", "retraining"], ["slack"])
    assert "SUCCESS" in amtool("check-config", path)
    made = loaded(path)
    by_name = {r["name"]: r for r in made["receivers"]}
    for kind in ("pages", "tickets"):
        for slug in slugs(TEAMS).values():
            own, common = by_name[f"{kind}-{slug}"], by_name[kind]
            assert {**own, "name": kind} == common
            assert {"email_configs", "opsgenie_configs", "webhook_configs"} < {*own}
            assert "slack_configs" not in own
    mute = [r for r in routes_of(made["route"]) if "mute_time_intervals" in r]
    assert len(mute) == 2 * (len(TEAMS) + 1)
    assert {tuple(r["matchers"]) for r in mute} == {
        ('concern=~"drift|performance|fairness|anomalies"',),
    }
    labels = {"severity": "page", "concern": "drift", "model": "m"}
    assert ["pages-risk-ml"] == routed(path, team="Risk ML", **labels)
    assert ["pages"] == routed(path, team="another", **labels)
    # The last receiver's own blocks are still its own.
    assert {"email_configs", "webhook_configs"} == {*by_name["digest"]} - {"name"}


def test_a_configuration_without_blocks_gets_no_block() -> None:
    text = """\
route:
  receiver: all
  routes:
    - matchers: ['severity="page"']
      receiver: all
receivers:
  - name: all
    # Nobody is told.
  # The end.
"""
    made = with_teams(text, ["a"], "x")
    assert "begin" not in made
    assert yaml.safe_load(made)["route"]["routes"][0]["routes"] == [
        {"matchers": ['team="a"'], "receiver": "all-a"}
    ]
    before = made.index("# Nobody"), made.index("all-a\n    # Nobody"), made.index("# The end")
    assert sorted(before) == list(before)
