"""What a window shows and what to do about it: each finding where it is so, with its runbook."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.expose.report.findings import Finding, findings
from drift_exporter.expose.report.page import report_page
from drift_exporter.expose.report.steps import steps_section
from drift_exporter.snapshot import (
    DELAY_BOUNDS,
    ColumnDrift,
    Estimate,
    EstimationError,
    FairnessValue,
    Histogram,
    OutcomesSnapshot,
    PerformanceWindow,
    VersionSnapshot,
)
from support import snapshots as build

RUNBOOKS = Path(__file__).resolve().parents[3] / "alerting" / "runbooks"
PLAIN = PerformanceWindow("24h", build.NOW - 86_400, build.NOW, 1000, 900, {}, {})


def drift(name: str = "country", *, kind: str = "feature", **changed: object) -> ColumnDrift:
    """A column that has drifted, but for what is said otherwise."""
    column = build.categorical_column(name, {"DE": 50, "FR": 50}, kind=kind)  # type: ignore[arg-type]
    one = ColumnDrift(
        *(column, np.array([80, 20, 0, 0]), {"psi": 0.4}, 0.05, 0.999, 0.998),
        drifted=True,
        mean=None,
        effective_samples=100.0,
    )
    return replace(one, **changed)  # type: ignore[arg-type]


CALM = drift(drifted=False, confidence=0.1, adjusted_confidence=0.0, scores={"psi": 0.01})


def made(
    columns: Sequence[ColumnDrift], outcomes: PerformanceWindow | None = None, delays: Histogram | None = None
) -> VersionSnapshot:
    one = build.version(windows=[build.window("24h", columns)])
    if outcomes is None:
        return one
    return replace(one, outcomes=OutcomesSnapshot(900, delays, (), None, (outcomes,)))


def found(version: VersionSnapshot) -> list[Finding]:
    return findings(build.model(versions=[version]), version, version.windows[0])


def runbooks(version: VersionSnapshot) -> list[str | None]:
    return [one.runbook for one in found(version)]


def test_nothing_is_found_where_nothing_is_the_matter() -> None:
    assert [] == found(made([CALM]))
    assert [] == found(made([CALM], replace(PLAIN, concept_confidence=0.1, drops={"accuracy": 0.2})))


@pytest.mark.parametrize(
    ("columns", "outcomes", "expected"),
    [
        ([CALM], replace(PLAIN, concept_confidence=0.99), ["ModelConceptDrift"]),
        ([CALM], replace(PLAIN, drops={"accuracy": 0.99}), ["ModelPerformanceDropped"]),
        ([drift()], replace(PLAIN, drops={"accuracy": 0.99}), ["ModelDataDriftCostsPerformance"]),
        ([drift("score", kind="score")], replace(PLAIN), ["ModelConceptDriftEarlyWarning"]),
        ([drift()], replace(PLAIN, concept_confidence=0.1), ["ModelDrift"]),
        ([drift()], None, ["ModelDrift"]),
    ],
)
def test_kinds_of_drift_are_told_apart(
    columns: list[ColumnDrift], outcomes: PerformanceWindow | None, expected: list[str]
) -> None:
    assert expected == runbooks(made(columns, outcomes))


def test_columns_are_named_and_what_they_cost_is_said_to_be_unknown() -> None:
    (one,) = found(made([drift(name) for name in ("a", "b", "c", "d", "e")]))
    assert "5 columns have drifted; what that costs is not known." == one.what
    assert "<bdi>a</bdi>, <bdi>b</bdi>, <bdi>c</bdi> and 2 more come from: a release" in one.step


def test_missing_and_unseen_values_are_taken_for_a_fault_first() -> None:
    missing = drift("amount", current=np.array([40, 40, 0, 20]))
    unseen = drift("shop", current=np.array([40, 40, 20, 0]))
    first, second, _ = found(made([missing, unseen]))
    assert "Values are missing more often: <bdi>amount</bdi> (0" in first.what
    assert "Values are unknown to the reference more often: <bdi>shop</bdi> (0" in second.what
    assert "a fault on the way to the model" in first.step


def test_what_may_be_chance_is_waited_for() -> None:
    (one,) = found(made([drift(drifted=False, confidence=0.8, adjusted_confidence=0.7)]))
    assert "<bdi>country</bdi> may have drifted; there are too few records to be sure." == one.what


def test_what_is_most_likely_chance_is_no_finding() -> None:
    version = made([drift(drifted=False, confidence=0.2, adjusted_confidence=0.1)])
    assert [] == found(version)
    page = report_page(build.model(versions=[version]), build.NOW)
    assert "No drift beyond what is tolerated in 1 column" in page


def test_a_loss_of_performance_is_the_answer_and_drift_comes_second() -> None:
    version = made([CALM], replace(PLAIN, concept_confidence=0.99))
    page = report_page(build.model(versions=[version]), build.NOW)
    box = page[page.index('class="verdict bad"') : page.index("</section>")]
    assert "<p>Concept drift: what is right has changed; the model has to be learned anew.</p>" in box
    assert "<p>No drift beyond what is tolerated in 1 column" in box


def test_estimates_that_labels_disprove_are_not_to_be_used() -> None:
    errors = {"roc_auc": EstimationError(0.1, 0.99), "brier": EstimationError(0.1, 0.5)}
    (one,) = found(made([CALM], replace(PLAIN, errors=errors)))
    assert ("What is estimated is not what labels say: roc auc.", "ModelPerformanceEstimatorInvalid") == (
        one.what,
        one.runbook,
    )


def delays(place: int) -> Histogram:
    counts = np.zeros(len(DELAY_BOUNDS) + 1, dtype=np.int64)
    counts[place] = 10
    return Histogram(DELAY_BOUNDS, counts, 1.0)


@pytest.mark.parametrize(
    ("labelled", "place", "expected"),
    [
        (0, None, "No prediction of this window has a label yet."),
        (0, 3, "No prediction of this window has a label yet."),
        (100, 3, "Labels are late: 10.0\N{NARROW NO-BREAK SPACE}% of this window's predictions have one."),
        # Half of them: enough. Labels that take longer than the window: none are due.
        (500, 3, None),
        (0, 10, None),
        (0, len(DELAY_BOUNDS), None),
        (None, 3, None),
    ],
)
def test_labels_that_should_be_there(labelled: int | None, place: int | None, expected: str | None) -> None:
    window = replace(PLAIN, labelled=labelled)
    told = found(made([CALM], window, None if place is None else delays(place)))
    assert [expected] * (expected is not None) == [one.what for one in told]
    said = "Half of those so far came within 1h. Look at" in "".join(str(one.step) for one in told)
    assert said == (expected is not None and place is not None)


def test_a_broken_four_fifths_rule_is_found() -> None:
    broken = FairnessValue("demographic_parity_ratio", "gender", "", Estimate(0.625, 0.55, 0.7), 0.95)
    fine = replace(broken, attribute="age", confidence=0.5)
    other = replace(broken, metric="equalized_odds_difference")
    (one,) = found(made([CALM], replace(PLAIN, fairness=(broken, fine, other))))
    assert "ModelFourFifthsRuleBroken" == one.runbook
    assert "by <bdi>gender</bdi>: one group gets the favourable answer 62.5" in one.what


def test_more_anomalies_than_tolerated_are_found_in_the_window_shown() -> None:
    version = replace(made([CALM]), anomalies=(build.anomalies("hbos"), build.anomalies("x", confidence=0.8)))
    (one,) = found(version)
    assert "ModelAnomalyRatioHigh" == one.runbook
    assert "More records are odd than usual, by detector hbos: 31 of 1,000, 3.1 times what" in one.what


def test_a_failed_evaluation_comes_first_also_without_windows() -> None:
    version = replace(made([drift()]), windows=())
    model = build.model(versions=[version], problem="no space")
    assert ["DriftExporterEvaluationFailing"] == [one.runbook for one in findings(model, version, None)]


def test_every_runbook_that_is_named_exists() -> None:
    source = Path(findings.__code__.co_filename).read_text(encoding="utf-8")
    named = set(re.findall(r'"((?:Model|DriftExporter)\w+)"', source))
    assert 11 == len(named)
    assert [] == sorted(named - {path.stem for path in RUNBOOKS.glob("*.md")})


def test_links_to_sections_lead_somewhere() -> None:
    broken = FairnessValue("demographic_parity_ratio", "gender", "", Estimate(0.625, 0.55, 0.7), 0.95)
    outcomes = replace(PLAIN, concept_confidence=0.99, fairness=(broken,))
    version = replace(made([drift()], outcomes), anomalies=(build.anomalies("hbos"),))
    page = report_page(build.model(versions=[version]), build.NOW)
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert {"performance", "fairness", "anomalies"} <= links
    assert links <= set(re.findall(r' id="([^"]+)"', page))


def test_runbooks_are_links_where_it_is_known_where_they_are() -> None:
    one = Finding("Odd.", "Look.", "ModelDrift", "columns")
    linked = "".join(steps_section([one], "https://runbooks.example/r", judged=True))
    assert 'href="https://runbooks.example/r/ModelDrift.md"' in linked
    assert 'href="#columns"' in linked
    unlinked = "".join(steps_section([one], None, judged=True))
    assert "Runbook ModelDrift" in unlinked
    assert "http" not in unlinked


def test_nothing_to_do_is_said_only_where_something_was_judged() -> None:
    assert "there is nothing to do" in "".join(steps_section([], None, judged=True))
    assert [] == steps_section([], None, judged=False)


def test_a_calm_verdict_is_not_good_while_something_else_is_the_matter() -> None:
    good = 'class="verdict good"'
    assert good in report_page(build.model(versions=[made([CALM])]), build.NOW)
    fallen = made([CALM], replace(PLAIN, drops={"accuracy": 0.99}))
    page = report_page(build.model(versions=[fallen]), build.NOW)
    assert good not in page
    assert "Performance has fallen" in page
    odd = replace(made([CALM]), anomalies=(build.anomalies("hbos"),))
    assert 'class="verdict"' in report_page(build.model(versions=[odd]), build.NOW)
