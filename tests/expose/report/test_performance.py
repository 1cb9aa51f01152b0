import re
from dataclasses import replace

import pytest

from drift_exporter.expose.report import svg
from drift_exporter.expose.report.page import report_page
from drift_exporter.expose.report.performance import performance_section
from drift_exporter.snapshot import VersionSnapshot, WindowSnapshot
from support.builders import NOW
from support.performance_feed import labelled_snapshot
from support.snapshots import small_snapshot


def text_of(parts: list[str]) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", "".join(parts)).replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def shown(version: VersionSnapshot, name: str = "24h") -> WindowSnapshot:
    return next(one for one in version.windows if one.name == name)


def test_what_was_realised_and_estimated_stands_beside_the_reference() -> None:
    (version,) = labelled_snapshot().models[0].versions
    page = text_of([str(part) for part in performance_section(version, shown(version))])

    assert "2,000, of which 1,200 (60.0 %) have a label." in page
    assert "Concept drift: what is right has changed" in page
    assert "Labels go with scores otherwise than in the reference: confidence 99.5 %." in page
    assert "Metric Beside the reference Realised Reference Estimated Estimate off by" in page
    assert "roc auc 0.71, 0.69 to 0.73, reference 0.81, estimated 0.76" in page
    assert "0.71 0.69 to 0.73 0.81 0.76 0.75 to 0.77 +0.05" in page
    assert "with its 95 % interval reference estimated" in page


def test_groups_and_the_attribute_as_a_whole() -> None:
    (version,) = labelled_snapshot().models[0].versions
    page = text_of([str(part) for part in performance_section(version, shown(version))])

    assert "Group records selection rate true positive rate" in page
    assert "f 600 0.25 0.3" in page
    assert "demographic parity ratio 0.625 (0.55 to 0.7): smallest share" in page
    assert "the four-fifths rule is broken; confidence 99.5 %." in page


def test_without_labels_there_is_no_such_section() -> None:
    (version,) = small_snapshot().models[0].versions
    assert [] == performance_section(version, shown(version))
    (labelled,) = labelled_snapshot().models[0].versions
    assert [] == performance_section(labelled, replace(shown(labelled), name="another"))


def test_estimates_alone_have_a_section() -> None:
    (version,) = labelled_snapshot().models[0].versions
    assert version.outcomes is not None
    (window, *_) = version.outcomes.windows
    window = replace(window, performance={}, labelled=None, concept_confidence=None, errors={}, fairness=())
    alone = replace(version, outcomes=replace(version.outcomes, windows=(window,)))
    page = text_of([str(part) for part in performance_section(alone, shown(alone, window.name))])

    assert "roc auc 0.76, 0.75 to 0.77, reference 0.81 \N{EN DASH} 0.81 0.76 0.75 to 0.77 \N{EN DASH}" in page
    assert "have a label" not in page


def test_it_is_on_the_report_of_the_model() -> None:
    page = report_page(labelled_snapshot().models[0], NOW)
    assert '<h2 id="performance">Performance</h2>' in page
    assert '<h2 id="fairness">Fairness</h2>' in page


def test_the_drawing_has_all_values_on_its_scale() -> None:
    drawing = svg.spread(0.5, (0.4, 0.6), {"reference": 0.9}, title="accuracy")
    places = [float(x) for x in re.findall(r'x="([\d.]+)%"', drawing)]
    # From 0.375 to 0.925: the interval's lower end, the value, the reference.
    assert [
        pytest.approx(4.55, abs=0.01),
        pytest.approx(22.73, abs=0.01),
        pytest.approx(95.45, abs=0.01),
    ] == (places)
    assert "<title>accuracy</title>" in drawing
    assert "nan" not in svg.spread(0.0, (0.0, 0.0), {}, title="none")
