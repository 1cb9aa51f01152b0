"""The pictures in docs/previews are of the dashboards as they are, and what draws them counts right."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preview.draw import CHOSEN, DASHBOARDS, PICTURES, WIDTHS, faults_of, told
from preview.feed import samples
from preview.page import HERE, digest
from preview.rules import Rule, filled, layers, read_rules, seconds, series_name, states
from support.dashboards import REPOSITORY, dashboard, variables

LARGEST = 400_000
FILES = sorted(DASHBOARDS.glob("*.json"))
PACKAGES = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
LOCK = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
GRID = (0.0, 10.0, 1.0)


def rule(name: str, expression: str, *, alert: bool = False, file: str = "a.yml") -> Rule:
    return Rule(file, name, alert, expression, {})


def panel(**more: object) -> dict[str, object]:
    fine = {"title": "Traffic", "type": "timeseries", "series": 2, "empty": False}
    return {**fine, "overlapping": [], "cut": [], "outside": [], **more}


def report(*panels: dict[str, object]) -> dict[str, object]:
    return {"problems": [], "panels": list(panels), "head": panel()}


def test_pictures_are_of_the_dashboards_as_they_are() -> None:
    drawn = json.loads((PICTURES / "previews.json").read_text(encoding="utf-8"))
    assert {path.name: digest([path]) for path in FILES} == drawn, "run make dashboards-preview, and look"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_dashboard_has_its_pictures(path: Path) -> None:
    for width in WIDTHS:
        picture = PICTURES / f"{dashboard(path)['uid']}-{width}.png"
        assert picture.stat().st_size < LARGEST
        with Image.open(picture) as opened:
            assert width == opened.width


def test_there_are_no_other_pictures() -> None:
    wanted = {f"{dashboard(path)['uid']}-{width}.png" for path in FILES for width in WIDTHS}
    assert wanted == {path.name for path in PICTURES.glob("*.png")}


def test_what_is_chosen_is_a_variable_of_some_dashboard() -> None:
    assert CHOSEN.keys() <= {name for path in FILES for name in variables(path)}


def test_packages_have_one_version_each_and_no_host() -> None:
    versions = PACKAGES["dependencies"]
    assert [] == [name for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)]
    assert versions == LOCK["packages"][""]["dependencies"]
    assert versions == {name: LOCK["packages"][f"node_modules/{name}"]["version"] for name in versions}
    assert [] == [name for name, package in LOCK["packages"].items() if "resolved" in package]
    unsigned = [name for name, package in LOCK["packages"].items() if name and "integrity" not in package]
    assert [] == unsigned


def test_a_digest_is_of_what_files_hold(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "a"
    file.write_bytes(b"1")
    first = digest([tmp_path / "folder"])
    assert first == digest([tmp_path / "folder"])
    file.write_bytes(b"2")
    assert first != digest([tmp_path / "folder"])


def test_samples_get_the_labels_of_their_target() -> None:
    text = '# HELP a is\n# TYPE a gauge\na{b="c d"} 1.5\na 2\nn NaN\n'
    found = list(samples(text, 'job="j"'))
    assert [('a{job="j",b="c d"}', 1.5), ('a{job="j"}', 2.0)] == found[:2]
    assert np.isnan(found[2][1])


def test_samples_refuse_what_is_none() -> None:
    with pytest.raises(ValueError, match="not a sample: a b c"):
        list(samples("a b c\n", ""))


def test_rules_are_evaluated_after_what_they_build_on() -> None:
    level, ratio = rule("m:level", "m:ratio + 1"), rule("m:ratio", "m / n")
    page = rule("High", "m:level > 1", alert=True)
    ticket = rule("High", 'm:level > 0 unless ALERTS{alertname="High"}', alert=True)
    many = rule("m:alerts", "count(ALERTS)", file="b.yml")
    rules = [level, ratio, page, ticket, many]
    assert [[ratio], [level], [page], [ticket], [many]] == layers(rules)


def test_rules_that_go_in_circles_are_refused() -> None:
    with pytest.raises(ValueError, match="in circles: m:a, m:b"):
        layers([rule("m:a", "m:b"), rule("m:b", "m:a")])


def test_the_shipped_rules_can_be_put_into_layers() -> None:
    rules = read_rules(sorted((REPOSITORY / "alerting" / "rules").glob("*.yml")))
    assert sorted(rules, key=repr) == sorted((one for layer in layers(rules) for one in layer), key=repr)


def test_labels_of_shipped_rules_can_be_filled_in() -> None:
    """Those that ask Prometheus are of exporters that are down, which none is in the pictures."""
    found = {
        filled(one, text, {"impact": "high", "concern": "drift"})
        for one in read_rules(sorted((REPOSITORY / "alerting" / "rules").glob("*.yml")))
        for text in one.labels.values()
        if "query" not in text
    }
    assert {"page", "ticket", "info", "drift"} <= found


def test_a_label_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"m:a fires, and its label '\{\{ now \}\}' is not"):
        filled(rule("m:a", "1"), "{{ now }}", {})


@pytest.mark.parametrize(
    ("text", "expected"), [("0s", 0.0), ("10m", 600.0), ("1h30m", 5400.0), ("2d", 172_800.0)]
)
def test_seconds_of_a_duration(text: str, expected: float) -> None:
    assert expected == seconds(text)


def test_an_alert_is_pending_then_fires_then_is_kept() -> None:
    firing, pending = states(np.array([2.0, 3, 4, 5, 8]), 2.0, 2.0, [GRID])
    # It holds from 2 on; fires from 4 on; is kept at 6 though it does not hold, and begins anew at 8.
    assert [4.0, 5, 6] == firing.tolist()
    assert [2.0, 3, 8] == pending.tolist()


def test_an_alert_that_waits_for_nothing_fires_at_once() -> None:
    firing, pending = states(np.array([2.0]), 0.0, 0.0, [GRID])
    assert ([2.0], []) == (firing.tolist(), pending.tolist())


def test_series_are_named_as_prometheus_writes_them() -> None:
    assert r'm{a="1",b="x\"y\\z"}' == series_name("m", {"b": 'x"y\\z', "a": 1, "empty": ""})


def test_faults_are_told_and_cut_text_is_no_fault() -> None:
    fine = panel(cut=["a long name"])
    assert [] == faults_of(report(fine))
    assert ["Traffic (timeseries): cut off: a long name"] == list(told(report(fine), every=False))
    bad = [
        panel(empty=True),
        panel(problem="refused", empty=True),
        panel(overlapping=["a / b"]),
        panel(outside=["c"]),
    ]
    assert [
        "Traffic (timeseries): empty",
        "Traffic (timeseries): refused",
        "Traffic (timeseries): text upon text: a / b",
        "Traffic (timeseries): text reaches out of the page: c",
    ] == faults_of(report(*bad))
