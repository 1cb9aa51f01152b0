"""Links of dashboards: to one another with what was chosen, to the exporter's pages, to runbooks."""

import re
from pathlib import Path

import pytest

from support.dashboards import DASHBOARDS, dashboard, drawn, objects, variables

# Variables that a link to a dashboard may leave out: they do not change what it is about.
OPTIONAL = {"runbooks", "method", "metric", "signal", "attribute", "detector", "team", "impact", "kind"}

every_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda p: p.stem)


@every_dashboard
def test_links_lead_to_dashboards_and_variables_that_exist(path: Path) -> None:
    boards = {dashboard(p)["uid"]: set(variables(p)) for p in DASHBOARDS}
    urls = [thing["url"] for thing in objects(dashboard(path)) if thing.get("url")]
    assert urls
    for url in urls:
        if found := re.match(r"/d/([\w-]+)\?(.*)", url):
            given = set(re.findall(r"var-(\w+)=", found[2])) | set(
                re.findall(r"\{(\w+):queryparam", found[2])
            )
            assert given <= boards[found[1]], url
        else:
            assert url.startswith(("${exporter_url}/", "${runbooks}/")), url
        own = set(re.findall(r"\$\{([a-z]\w*)", url))
        assert own <= set(variables(path)), url


@every_dashboard
def test_a_menu_leads_to_all_other_dashboards_with_time_and_variables(path: Path) -> None:
    (menu,) = [link for link in dashboard(path)["links"] if link["type"] == "dashboards"]
    assert (menu["asDropdown"], menu["includeVars"], menu["keepTime"]) == (True, True, True)
    assert [menu["tags"]] * len(DASHBOARDS) == [dashboard(p)["tags"] for p in DASHBOARDS]


@every_dashboard
def test_a_report_is_one_click_away(path: Path) -> None:
    urls = [link["url"] for link in dashboard(path)["links"] if link["type"] == "link"]
    several = variables(path)["model"]["multi"]
    assert urls == ["${exporter_url}/" if several else "${exporter_url}/models/${model:percentencode}"]


@every_dashboard
def test_a_dashboard_link_keeps_the_time_and_says_what_it_is_about(path: Path) -> None:
    needed = {dashboard(p)["uid"]: set(variables(p)) for p in DASHBOARDS}
    several = {
        dashboard(p)["uid"]: {n for n, v in variables(p).items() if v.get("multi")} for p in DASHBOARDS
    }
    for url in [thing["url"] for thing in objects(dashboard(path)) if thing.get("url", "").startswith("/d/")]:
        uid = re.match(r"/d/([\w-]+)\?", url)
        assert uid
        given = set(re.findall(r"var-(\w+)=", url)) | set(re.findall(r"\{(\w+):queryparam", url))
        own = set(variables(path))
        # What the link's own dashboard does not know either, it cannot say.
        assert (needed[uid[1]] & own) - OPTIONAL - several[uid[1]] <= given, url
        assert url.endswith("&${__url_time_range}"), url


# "Column" has no panel of alerts: they are the model's.
@pytest.mark.parametrize("path", [p for p in DASHBOARDS if p.stem != "column"], ids=lambda p: p.stem)
def test_alerts_lead_to_their_runbooks(path: Path) -> None:
    panels = [p for p in drawn(path) if p["title"] in {"Firing alerts", "Alerts over time"}]
    assert {p["type"] for p in panels} == {"table", "state-timeline"}
    for panel in panels:
        links = [thing["url"] for thing in objects(panel) if thing.get("url", "").startswith("${runbooks}/")]
        named = "__value.raw" if panel["type"] == "table" else "__field.labels.alertname"
        assert links == [f"${{runbooks}}/${{{named}:percentencode}}.md"], panel["title"]
    runbooks = variables(path)["runbooks"]
    assert runbooks["query"]["query"] == "label_values(drift_exporter:links, runbooks)"
    assert runbooks["hide"] == 2


@every_dashboard
def test_what_is_drawn_by_column_leads_to_the_column(path: Path) -> None:
    for panel in drawn(path):
        by_column = [t for t in panel["targets"] if "{{column}} ({{kind}})" in t["legendFormat"]]
        styled = {o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]}
        if by_column or styled & {"Column", "Worst column"}:
            assert "/d/model-column?" in str(panel), panel["title"]
