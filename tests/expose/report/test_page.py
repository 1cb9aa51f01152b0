"""The report says what is so, in any state, and lets no text from a log become markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.expose.report.overview import landing_page, models_page
from drift_exporter.expose.report.page import report_page
from drift_exporter.snapshot import ColumnDrift, ModelSnapshot
from support import snapshots as build

VOID = {"meta", "link", "rect", "br"}


class Page(HTMLParser):
    """Reads a page strictly: every element closed in its order, no script, no handler, no outside link."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Refuse what could run or load anything."""
        assert tag not in {"script", "iframe", "object", "embed", "form", "base", "img", "foreignobject"}
        given_ = dict(attrs)
        assert len(given_) == len(attrs)
        assert not [name for name in given_ if name.startswith("on") or name in {"style", "src", "srcdoc"}]
        self.elements.append((tag, given_))
        if "id" in given_:
            self.ids.append(str(given_["id"]))
        if tag == "a":
            self.links.append(str(given_["href"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element without content."""
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Refuse an element that closes another."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what is read by people."""
        if self.open and self.open[-1] not in {"style", "title"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words, with single ordinary spaces between them."""
        return " ".join("".join(self.words).split())


def report(model: ModelSnapshot, **query: str) -> Page:
    return Page(report_page(model, build.NOW, **query))


def fraud() -> ModelSnapshot:
    return build.rich_snapshot().models[0]


def test_the_verdict_says_how_many_how_sure_and_over_which_window() -> None:
    text = report(fraud()).text
    assert "4 of 7 columns have drifted: country, age, score and 1 more" in text
    assert (
        "4,000 records in the 24h window up to 2026-01-01 00:00 UTC with 20,037 rows of the reference" in text
    )


def test_columns_come_worst_first_in_the_table_and_in_the_cards() -> None:
    page = report(fraud())
    anchors = [link for link in page.links if link.startswith("#column-")]
    assert anchors == [f"#column-{i}" for i in range(7)]
    assert [f"column-{i}" for i in range(7)] == [id_ for id_ in page.ids if id_.startswith("column-")]
    # Inside its card, or following the link would not unfold the card.
    assert not [a for tag, a in page.elements if tag == "details" and "id" in a]
    order = re.findall(r'href="#column-\d+"><bdi>(\w+)</bdi>', report_page(fraud(), build.NOW))
    assert order == ["country", "age", "score", "amount", "prediction", "merchant", "cards_held"]


def test_drifted_columns_are_unfolded() -> None:
    details = [attributes for tag, attributes in report(fraud()).elements if tag == "details"]
    assert ["open" in attributes for attributes in details] == [True] * 4 + [False] * 3


def test_a_column_says_what_changed_and_by_how_much() -> None:
    page = report(build.small_snapshot().models[0])
    assert "> 50 rose from 16.0 % to 50.0 %; ≤ 30 fell from 40.0 % to 20.0 %." in page.text
    assert "Mean37.651.5" in page.text
    assert "Missing4.0 %0 %" in page.text
    assert "PSI tolerated0.1" in page.text
    assert "population stability index" in page.text


def test_bars_have_the_lengths_of_their_shares() -> None:
    html = report_page(build.small_snapshot().models[0], build.NOW)
    age = html[html.index('id="column-0"') : html.index('id="column-1"')]
    bars = re.findall(r'<rect class="(reference|current)" x="0" y="\d+%" width="([\d.]+)%" height="37%"', age)
    # Shares of 0.4, 0.4, 0.16, 0.04 against 0.2, 0.3, 0.5, 0 on a scale that ends at 0.5.
    assert [(kind, float(width)) for kind, width in bars] == [
        ("reference", 80.0),
        ("current", 40.0),
        ("reference", 80.0),
        ("current", 60.0),
        ("reference", 32.0),
        ("current", 100.0),
        ("reference", 8.0),
        ("current", 0.0),
    ]


def test_every_drawing_has_a_title_and_every_table_header_a_scope() -> None:
    html = report_page(fraud(), build.NOW)
    drawings = re.findall(r"<svg role=\"img\"[^>]*>(<title>[^<]+</title>)?", html)
    assert len(drawings) > 50
    assert all(drawings)
    page = Page(html)
    assert all(attributes.get("scope") in {"row", "col"} for tag, attributes in page.elements if tag == "th")
    assert ("html", {"lang": "en"}) in page.elements
    assert {"header", "main", "footer", "nav", "h1"} <= {tag for tag, _ in page.elements}
    assert len(set(page.ids)) == len(page.ids)


def test_links_choose_version_and_window_and_the_chosen_is_marked() -> None:
    page = report(fraud(), version="2.0.3", window="7d")
    chosen = [a["href"] for tag, a in page.elements if tag == "a" and a.get("aria-current") == "page"]
    assert chosen == ["?version=2.0.3&window=7d", "?version=2.0.3&window=7d"]
    assert "?version=2.1.0&window=7d" in page.links
    assert "?version=2.0.3&window=1h" in page.links


def test_a_version_or_window_that_is_not_there_is_said() -> None:
    text = report(fraud(), version="9", window="99d").text
    assert "There is no version 9" in text
    assert "There is no window 99d" in text


def test_a_page_that_stands_alone_links_to_nothing_outside_itself() -> None:
    page = Page(report_page(fraud(), build.NOW, alone=True))
    assert all(link.startswith("#") for link in page.links)
    assert "http" not in "".join(page.links)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (build.model(), "No records yet."),
        (
            replace(build.rich_snapshot().models[1], reference=""),
            "There is no reference, so nothing can be compared.",
        ),
        (
            replace(build.rich_snapshot().models[1], reference="1=one.json,2=two.json"),
            "for version unversioned: nothing can be compared.The configuration has 1=one.json,2=two.json.",
        ),
        (
            build.rich_snapshot().models[1],
            "The last evaluation failed, so this may be out of date: the reference",
        ),
        (build.model(versions=[build.version()]), "Not evaluated yet."),
        (
            build.model(versions=[build.version(windows=[build.window("1h", samples=1)])]),
            "1 record in the 1h window",
        ),
    ],
)
def test_states_without_scores_are_said_plainly(model: ModelSnapshot, said: str) -> None:
    page = report(model)
    assert said in page.text
    assert "drifted" not in page.text.replace("No column has drifted", "")


def test_versions_without_a_reference_are_named_where_others_have_one() -> None:
    versions = [build.version("1"), *(build.version(str(n), with_reference=False) for n in range(2, 9))]
    mapped = build.model(versions=versions)
    plain = replace(mapped, name="plain", reference="", versions=(versions[1],))
    page = Page(landing_page(build.snapshot([mapped, plain]), None))

    assert 1 == page.text.count("no reference for version 2, 3, 4, 5, 6 and 2 more")
    assert "no scores yet" in page.text
    assert "plainno reference" in page.text
    choices = report(mapped).text
    assert "Version1" in choices
    assert "12: no reference3: no reference" in choices


def test_records_of_models_that_are_not_configured_are_told() -> None:
    shared = replace(build.source(), unconfigured={"ghost": 1200, "<b>": 3, "other": 1})
    page = Page(landing_page(build.snapshot([], [shared, build.source("own/predictions")]), None))

    assert 1 == page.text.count("1,204 records name no configured model: ghost, <b>, other")


def two_categories(
    *, drifted: bool, psi: float, confidence: float, category: str = "DE", name: str = "country"
) -> ModelSnapshot:
    column = build.categorical_column(name, {category: 50, category + "x": 50})
    drift = ColumnDrift(
        column,
        np.array([60, 40, 0, 0]),
        {"psi": psi},
        0.05,
        confidence,
        confidence,
        drifted=drifted,
        mean=None,
        effective_samples=100.0,
    )
    return build.model(versions=[build.version(columns=[column], windows=[build.window("1h", [drift])])])


def test_more_than_tolerated_that_may_be_chance_is_called_uncertain() -> None:
    text = report(two_categories(drifted=False, psi=0.08, confidence=0.7)).text
    assert "1 of 1 column may have drifted: country (70.0 % sure)." in text
    assert "uncertain" in text


def test_calm_is_called_calm() -> None:
    text = report(two_categories(drifted=False, psi=0.01, confidence=0.0)).text
    assert "No drift beyond what is tolerated in 1 column (< 0.1 % sure that there is any)." in text


def test_one_drifted_column_reads_well() -> None:
    text = report(two_categories(drifted=True, psi=0.5, confidence=1.0)).text
    assert "1 of 1 column has drifted: country (> 99.9 % sure)." in text


def test_many_categories_are_summed_up() -> None:
    text = report(fraud()).text
    assert re.search(r"2\d further bins not drawn: together \d+\.\d % → \d+\.\d %\.", text)


ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "]]><script>",
    "\u202eevil\u202c",
    "\x00\x08<b>",
    "${7*7}{{7*7}}",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_from_logs_stays_text(attack: str) -> None:
    model = two_categories(drifted=True, psi=1.0, confidence=1.0, category=attack, name=attack)
    [version] = model.versions
    model = replace(
        model,
        name=attack,
        team=attack,
        task=attack,
        impact=attack,
        problem=attack,
        versions=(replace(version, version=attack), replace(version, version="2", last_timestamp=0.0)),
    )
    source = replace(build.source(attack, problem=attack), type=attack)
    everything = build.snapshot([model], [source])
    # Page refuses scripts, handlers and elements that do not nest.
    for page in (
        report(model),
        report(model, version=attack + "!", window=attack),
        Page(landing_page(everything, attack)),
        Page(models_page(everything, attack)),
    ):
        shown = re.sub(r"[\x00-\x08]", "\N{REPLACEMENT CHARACTER}", attack)
        assert " ".join(shown.split()) in page.text
        assert not [
            link for link in page.links if link.lower().startswith(("javascript:", "http", "//", "data:"))
        ]


@settings(max_examples=60)
@given(name=st.text(min_size=1), category=st.text(min_size=1), version=st.text())
def test_any_text_makes_a_sound_page(name: str, category: str, version: str) -> None:
    model = two_categories(drifted=True, psi=1.0, confidence=1.0, category=category, name=name)
    model = replace(model, name=name, versions=(replace(model.versions[0], version=version),))
    page = report(model)
    report_page(model, build.NOW).encode("utf-8")
    assert "has drifted" in page.text


def test_a_long_name_is_cut_and_whole_on_hover() -> None:
    long = "x" * 300
    html = report_page(two_categories(drifted=True, psi=1.0, confidence=1.0, name=long), build.NOW)
    assert f'<bdi title="{long}">{"x" * 59}…</bdi>' in html
