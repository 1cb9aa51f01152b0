"""docs/dashboards.md lists what there is."""

import re

from support.dashboards import DASHBOARDS, REPOSITORY, dashboard, variables

PAGE = (REPOSITORY / "docs" / "dashboards.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Cells of the table whose first heading is this one."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]


def test_every_dashboard_is_listed() -> None:
    listed = {(title, uid, file) for title, uid, file, _ in rows("dashboard")}
    assert {(dashboard(p)["title"], dashboard(p)["uid"], p.name) for p in DASHBOARDS} == listed


def test_every_variable_is_listed_with_its_dashboards() -> None:
    titles = {dashboard(p)["title"]: set(variables(p)) for p in DASHBOARDS}
    listed = {
        name: set(titles) if where == "all" else set(where.split(", ")) for name, where, _ in rows("variable")
    }
    names = set.union(*titles.values())
    assert {name: {t for t, held in titles.items() if name in held} for name in names} == listed


def test_the_address_to_replace_is_in_the_files() -> None:
    found = re.search(r"s#(http://[^#]+)#", PAGE)
    assert found
    for path in DASHBOARDS:
        assert variables(path)["exporter_url"]["query"] == found[1]


def test_links_of_the_page_lead_somewhere() -> None:
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", PAGE) if not t.startswith("https:")]
    assert targets
    assert [t for t in targets if not (REPOSITORY / "docs" / t.partition("#")[0]).exists()] == []
