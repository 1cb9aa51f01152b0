"""The demonstration of a correlated incident: one notification to both teams, none of what is unrelated."""

import re
from collections.abc import Iterator

import pytest
import requests

from fraud.checks import ALERT, CONTROL, MODEL, MODEL_TEAM, SIGNALS, SRE, SRE_PAGES
from fraud.demo import Shown, demo

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("demo-s3")]
HISTORY = "10m"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The demonstration after its notification has come; it takes minutes, in which it mostly waits."""
    with demo(tmp_path_factory.mktemp("demo-s3"), patience=240.0) as seen:
        yield seen


def test_one_notification_reaches_both_teams(shown: Shown) -> None:
    notes = [note for note in shown.stack.hook.notifications if ALERT in note.alert_names]
    assert sorted((MODEL_TEAM, SRE_PAGES)) == sorted(note.path for note in notes)
    first, second = (sorted(alert["labels"]["signal"] for alert in note.payload["alerts"]) for note in notes)
    assert first == second
    assert set(first) <= SIGNALS - {CONTROL}
    labels = shown.alert["labels"]
    expected = {
        "model": MODEL,
        "team": "risk-ml",
        "impact": "high",
        "severity": "page",
        "concern": "incident",
    }
    assert expected == {key: labels[key] for key in expected}


def test_it_names_the_metric_the_signal_and_the_lag_with_figures(shown: Shown) -> None:
    annotations = shown.alert["annotations"]
    signal = shown.alert["labels"]["signal"]
    found = re.search(
        rf"(false_negative_rate|accuracy) misbehaves together with {signal}, correlation (\S+), "
        r"the signal (\d+)s before",
        annotations["summary"],
    )
    assert found is not None, annotations["summary"]
    assert float(found[2]) > 0.5
    assert 2 <= int(found[3]) <= 30
    description = annotations["description"]
    for pattern in (
        r"Model: \w+ of fraud, version 7, is (\S+), expected (\S+): \S+ times as far off as its band allows",
        rf"Infrastructure: {signal} is (\S+), expected (\S+): \S+ times as far off as its band allows",
    ):
        assert re.search(pattern, description), description
    assert "unknown" not in description
    assert "error" not in str(annotations).lower().replace("_error", "")


def test_its_links_lead_somewhere(shown: Shown) -> None:
    annotations = shown.alert["annotations"]
    assert 200 == requests.get(annotations["report_url"], timeout=10).status_code
    runbook = requests.get(annotations["runbook_url"], timeout=10)
    assert 200 == runbook.status_code
    assert f"# {ALERT}" in runbook.text
    assert annotations["dashboard_url"].startswith(
        f"http://localhost:3000/d/model-infrastructure?var-model={MODEL}&"
    )


def test_what_has_nothing_to_do_with_the_model_reaches_the_other_team_alone(shown: Shown) -> None:
    signals = [alert["labels"]["signal"] for alert in shown.control["alerts"]]
    assert [CONTROL] == signals
    told = [
        note.path
        for note in shown.stack.hook.notifications
        if any(alert["labels"].get("signal") == CONTROL for alert in note.payload["alerts"])
    ]
    assert {SRE} == set(told)


def test_no_model_moved_with_the_control(shown: Shown) -> None:
    server = shown.stack.prometheus
    assert [] == server.query(f'max_over_time(model_infra_correlation{{signal="{CONTROL}"}}[{HISTORY}])')
    assert server.query(f'max_over_time(infra_signal_anomalous{{signal="{CONTROL}"}}[{HISTORY}]) == 1')


def test_the_false_negative_rate_has_risen(shown: Shown) -> None:
    server = shown.stack.prometheus
    before, after = (
        server.query(f'{kind}_over_time(model_infra_metric{{metric="false_negative_rate"}}[{HISTORY}])')
        for kind in ("min", "max")
    )
    assert before[0].value < 0.1
    assert after[0].value > 0.2


def test_no_rule_failed(shown: Shown) -> None:
    assert [] == shown.stack.prometheus.rule_problems()
