"""docs/alerting.md names every alert, threshold and recorded series, with the values that are shipped."""

import re

import pytest

from support.alerting import ROOT, alert_names, recorded_names, rules

TEXT = (ROOT / "docs" / "alerting.md").read_text(encoding="utf-8")


def named_series() -> set[str]:
    """Series in backticks; a name that starts with a colon completes the one before it."""
    found: set[str] = set()
    stem = ""
    for name in re.findall(r"`(\w*:[\w:]+)`", TEXT):
        if name.startswith(":"):
            found.add(stem + name)
        else:
            found.add(name)
            stem = name.rpartition(":")[0]
    return found


def test_exactly_the_alerts_that_exist_are_listed_with_their_runbooks() -> None:
    listed = re.findall(r"^\| \[`(\w+)`\]\((\S+)\)", TEXT, re.MULTILINE)
    assert sorted(name for name, _ in listed) == alert_names()
    for name, link in listed:
        assert link == f"../alerting/runbooks/{name}.md"
        assert (ROOT / "docs" / link).exists()


@pytest.mark.parametrize("name", alert_names())
def test_an_alerts_wait_and_severities_are_those_of_its_rules(name: str) -> None:
    (row,) = re.findall(rf"^\| \[`{name}`\]\(\S+\) \|(.+)\|$", TEXT, re.MULTILINE)
    _, wait, high, low = (cell.strip() for cell in row.split("|"))
    own = [r for r in rules() if r.get("alert") == name]
    assert {r["for"] for r in own} == {wait}
    told = {*re.findall(r"page|ticket|info", f"{high} {low}")}
    assert told == {
        s for r in own for s in re.findall(r"\b(?:page|ticket|info)\b", template(r["labels"]["severity"]))
    }


def template(severity: str) -> str:
    """A severity without the queries in it: they name model_info."""
    return re.sub(r"`[^`]*`", "", severity)


def test_every_recorded_series_is_listed_and_no_other() -> None:
    assert sorted(named_series()) == recorded_names()


def test_thresholds_are_told_as_shipped() -> None:
    listed = {
        n: float(v)
        for n, v in re.findall(r"^\| `(\S+:threshold:\S+)` \| `\w+\.yml` \| (\S+) \|$", TEXT, re.MULTILINE)
    }
    shipped = {
        r["record"]: float(r["expr"].removeprefix("vector(").removesuffix(")"))
        for r in rules()
        if ":threshold:" in r.get("record", "")
    }
    assert listed == shipped


def test_links_inside_the_page_lead_somewhere() -> None:
    headings = {h.lower().replace(" ", "-") for h in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)}
    assert {*re.findall(r"\]\(#([^)]+)\)", TEXT)} == headings
