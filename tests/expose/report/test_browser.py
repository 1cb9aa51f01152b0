"""The pages in a browser: accessible, legible at any width, light, dark and on paper."""

import itertools
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

from drift_exporter.expose.report.overview import landing_page
from drift_exporter.expose.report.page import report_page
from drift_exporter.snapshot import AnomalousRecord, OddColumn
from support import browser as browsers
from support import snapshots as build
from support.performance_feed import labelled_snapshot

CHROMIUM = browsers.chromium()
WIDTHS = (1440, 768, 390, 320)
PAPER = 700
"""Pixels between the margins of A4."""

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (Debian: apt-get install chromium)"),
    pytest.mark.xdist_group("browser"),
]


def everything() -> str:
    """A report with all sections, standing alone."""
    (fraud, _) = build.rich_snapshot().models
    (labelled,) = labelled_snapshot().models
    _, drifted = fraud.versions
    day = drifted.windows[1]
    onsets = itertools.cycle(build.onsets())
    columns = tuple(replace(c, since=next(onsets) if c.drifted else None) for c in day.columns)
    windows = (drifted.windows[0], replace(day, columns=columns), drifted.windows[2])
    outcomes = labelled.versions[0].outcomes
    assert outcomes is not None
    losses = tuple(
        replace(one, since=onset) for one, onset in zip(outcomes.windows, build.onsets(), strict=False)
    )
    version = replace(drifted, outcomes=replace(outcomes, windows=losses), windows=windows)
    return report_page(
        *(replace(fraud, versions=(fraud.versions[0], version)), build.NOW),
        window="24h",
        runbooks="https://runbooks.example/r",
    )


def long_names() -> str:
    """A report whose names are as long and as unbroken as a log may have them."""
    (labelled,) = labelled_snapshot().models
    (version,) = labelled.versions
    column = build.categorical_column("x" * 300, {"y" * 300: 50, "z " * 100: 50})
    drift = build.column_drift(column, build.count_categories(column, {"y" * 300: 400, "z " * 100: 100}))
    odd = AnomalousRecord(
        build.NOW, 0.999, (OddColumn("feature", "x" * 300, 1.0, "v" * 300),), "i" * 300, "t" * 300
    )
    found = replace(build.anomalies("d" * 60), records=(odd,))
    windows = (build.window("24h", [drift]),)
    version = replace(version, version="v" * 128, windows=windows, anomalies=(found,))
    return report_page(replace(labelled, name="m" * 128, team="t" * 100, versions=(version,)), build.NOW)


PAGES = {
    "long names": long_names,
    "everything": everything,
    "calm": lambda: report_page(build.rich_snapshot().models[0], build.NOW, version="2.0.3", window="7d"),
    "empty": lambda: report_page(build.model(), build.NOW),
    "landing": lambda: landing_page(build.rich_snapshot(), None),
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsers.browsing(str(CHROMIUM)) as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page of the name that the test is given."""
    name: str = getattr(request, "param", "everything")
    path = tmp_path / "page.html"
    path.write_text(PAGES[name](), encoding="utf-8")
    shown = chromium.new_page()
    shown.goto(path.as_uri())
    yield shown
    shown.close()


@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_axe_finds_nothing_wrong_in_light_and_dark(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            found = Axe().run(page).response
            assert [] == [
                (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]
            ]
            # It looked at colours indeed.
            assert "color-contrast" in {one["id"] for one in found["passes"]}


@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_nothing_scrolls_sideways_and_no_text_lies_on_another(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert (width, width, [], []) == (
            *(width, wide),
            browsers.overlapping(page),
            browsers.outside(page, width),
        )


def test_rows_that_take_several_lines_are_still_a_table(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    assert "grid" == page.evaluate("getComputedStyle(document.querySelector('.stack tbody tr')).display")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="country"))
    assert ["> 99.9 %", "2.9"] == [
        " ".join(text.replace("\N{NARROW NO-BREAK SPACE}", " ").split())
        for text in row.get_by_role("cell").all_inner_texts()[:2]
    ]
    label = "getComputedStyle(document.querySelector('.stack .sure'), '::before').content"
    assert '"Confidence"' == page.evaluate(label)


def test_dark_is_dark_and_paper_is_white_also_then(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    found = []
    for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "dark")):
        page.emulate_media(media=media, color_scheme=scheme)  # type: ignore[arg-type]
        found.append(page.evaluate(colour))
    assert ["rgb(246, 247, 249)", "rgb(20, 23, 27)", "rgb(255, 255, 255)"] == found


def test_on_paper_everything_is_there_and_nothing_is_cut(page: Page) -> None:
    printed = PdfReader(BytesIO(page.pdf(format="A4", prefer_css_page_size=True)))
    extracted = " ".join(one.extract_text() for one in printed.pages)
    # Ligatures are letters again, narrow spaces spaces.
    text = " ".join(unicodedata.normalize("NFKC", extracted).split())
    headings = [one.inner_text() for one in page.locator("h2").all()]
    assert {
        *("Suggested next steps", "Since when", "Columns, worst first", "Reference against now"),
        *("Performance", "Fairness", "All columns together", "Anomalies", "How to read this", "Details"),
    } == set(headings)
    assert [] == [one for one in headings if one not in text]
    # Cards that are folded on the screen are not on paper.
    assert text.count("PSI tolerated") == page.locator(".cards details").count()
    assert "https://runbooks.example/r/ModelConceptDrift.md" in text.replace(" ", "")

    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 900})
    assert PAPER == page.evaluate("document.documentElement.scrollWidth")
    assert ([], []) == (browsers.overlapping(page), browsers.outside(page, PAPER))


def test_the_page_asks_for_nothing_and_the_browser_has_nothing_to_say(
    chromium: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(everything(), encoding="utf-8")
    page = chromium.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    page.wait_for_load_state("networkidle")
    assert ([path.as_uri()], []) == ([url for url in asked if url != "data:,"], said)
    page.close()
