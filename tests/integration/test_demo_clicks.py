"""The demonstration of late labels: clicks fall, inputs stay, one person is told why."""

import re
from collections.abc import Iterator

import pytest
import requests

from clicks.checks import CONTROL, MODEL
from clicks.demo import Pace, Shown, demo
from support.servers import until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("demo-s2")]
HISTORY = "10m"
PACE = Pace(replay=42.0, patience=60.0)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The demonstration after its notification has come; it takes a minute."""
    with demo(tmp_path_factory.mktemp("demo-s2"), PACE) as seen:
        yield seen


def test_one_page_says_that_the_concept_has_drifted(shown: Shown) -> None:
    (notification,) = shown.stack.hook.notifications
    assert "/pages" == notification.path
    labels = shown.alert["labels"]
    expected = {
        "alertname": "ModelConceptDrift",
        "severity": "page",
        "concern": "drift",
        "model": MODEL,
        "version": "2015.1",
        "team": "recommendations",
        "impact": "high",
    }
    assert expected == {key: value for key, value in labels.items() if key != "window"}
    assert "concept drift" in shown.alert["annotations"]["summary"].lower()


def test_the_page_has_figures(shown: Shown) -> None:
    annotations = shown.alert["annotations"]
    first, *_ = [line for line in annotations["description"].splitlines() if line.startswith("- ")]
    figures = r"- click_through_rate: (\S+) \(\S+ to \S+\), estimated (\S+) \(\S+ to \S+\), reference (\S+)"
    found = re.fullmatch(figures, first)
    assert found is not None, first
    realised, estimated, reference = map(float, found.groups())
    assert 0.8 < realised / estimated < 0.93
    assert abs(reference - 0.4958) < 0.0001
    assert "Inputs and outputs have not moved" in annotations["description"]
    assert "waits 2s here" in annotations["shortened"]
    assert "no value" not in str(annotations)
    assert "error" not in str(annotations).lower().replace("_error", "")


def test_the_pages_links_lead_somewhere(shown: Shown) -> None:
    annotations = shown.alert["annotations"]
    assert 200 == requests.get(annotations["report_url"], timeout=10).status_code
    runbook = requests.get(annotations["runbook_url"], timeout=10)
    assert 200 == runbook.status_code
    assert "# ModelConceptDrift" in runbook.text
    assert annotations["dashboard_url"].startswith(
        f"http://localhost:3000/d/model-performance?var-model={MODEL}&"
    )


def test_it_came_after_the_fall_had_begun(shown: Shown) -> None:
    server = shown.stack.prometheus
    before = server.query(
        f'last_over_time(ALERTS{{alertstate="firing",model="{MODEL}"}}[{HISTORY}])', at=shown.turned
    )
    assert [] == before


@pytest.mark.parametrize("window", ["24h", "7d"])
def test_the_control_was_never_suspected(shown: Shown, window: str) -> None:
    server = shown.stack.prometheus
    (highest,) = server.query(
        f'max_over_time(model_concept_drift_confidence{{model="{CONTROL}",window="{window}"}}[{HISTORY}])'
    )
    assert highest.value < 0.9


def test_inputs_stayed(shown: Shown) -> None:
    surest = shown.stack.prometheus.query(
        f"max by (model, window) (max_over_time(model_dataset_drift_confidence[{HISTORY}]))"
    )
    assert {(m, w) for m in (MODEL, CONTROL) for w in ("24h", "7d")} == {
        (sample.labels["model"], sample.labels["window"]) for sample in surest
    }
    assert all(sample.value < 0.9 for sample in surest), surest


def test_realised_rate_has_fallen_below_the_estimate_for_the_model_alone(shown: Shown) -> None:
    server = shown.stack.prometheus
    labels = 'metric="click_through_rate",window="24h"'
    # Live predictions, which have no labels, move the windows on only by seconds.
    ratios = {
        model: server.query(
            f'max(model_performance{{model="{model}",{labels}}})'
            f' / max(model_performance_estimated{{model="{model}",{labels}}})'
        )[0].value
        for model in (MODEL, CONTROL)
    }
    assert abs(ratios[MODEL] - 0.86) < 0.05
    assert abs(ratios[CONTROL] - 1.01) < 0.05


def test_every_label_is_joined_and_its_delay_is_that_of_the_log(shown: Shown) -> None:
    server = shown.stack.prometheus
    for model, labels in shown.replayed.labels.items():
        until(
            lambda model=model, labels=labels: (
                [float(len(labels))]
                == [s.value for s in server.query(f'sum(model_labels_total{{model="{model}"}})')]
            ),
            what=f"{len(labels)} labels of {model}",
        )
        (mean,) = server.query(
            f'sum(model_label_delay_seconds_sum{{model="{model}"}})'
            f' / sum(model_label_delay_seconds_count{{model="{model}"}})'
        )
        assert abs(mean.value - (600 + 4 * 3600)) < 600
    assert [] == server.query("model_labels_rejected_total > 0")


def test_no_rule_failed(shown: Shown) -> None:
    assert [] == shown.stack.prometheus.rule_problems()
