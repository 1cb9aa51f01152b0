"""Odd records on the report page: figures, bars, and no text of a record that becomes markup."""

import html
import re
from dataclasses import replace

import pytest

from drift_exporter.expose.report.anomalies import anomaly_section, percentile
from drift_exporter.expose.report.page import report_page
from drift_exporter.snapshot import AnomalousRecord, AnomalySnapshot, OddColumn
from support import snapshots as build


def page(*found: AnomalySnapshot, window: str = "24h") -> str:
    version = replace(build.version(windows=[build.window("1h"), build.window(window)]), anomalies=found)
    return report_page(build.model(versions=[version]), build.NOW, window=window)


def text_of(section: str) -> str:
    plain = html.unescape(re.sub("<[^>]*>", "|", section))
    return plain.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{EN DASH}", "-")


def told(page: str) -> list[str]:
    """The words of the section."""
    return [word for word in text_of(page[page.index('id="anomalies"') :]).split("|") if word.strip()]


def test_figures_of_each_window() -> None:
    words = told(page(build.anomalies("hbos")))
    # Too few of the last hour to say more of.
    start = words.index("1h")
    assert ["1h", "-", "2", "1.0 %", "2.0 %", "31", "5"] == words[start : start + 7]
    start = words.index("24h")
    expected = ["24h", "98.4 %", "98.4 %", "31 (3.1 %)", "1.0 %", "2.0 %", "1,000", "250"]
    assert expected == words[start : start + 8]


def test_bars_compare_with_what_the_reference_has_by_definition() -> None:
    found = page(build.anomalies("hbos"))
    words = told(found)
    start = words.index("0 % - 50 %")
    assert ["50.0 %, expected 50.0 %", "50.0 %", "50.0 %"] == words[start + 1 : start + 4]
    start = words.index("99 % - 99.5 %")
    assert ["1.0 %, expected 0.5 %", "0.5 %", "1.0 %"] == words[start + 1 : start + 4]
    bars = re.findall(r'class="reference" x="0" y="9%" width="([\d.]+)%"', found)
    assert [100.0, 50.0, 30.0] == [float(width) for width in bars[:3]]


def test_records_with_what_makes_them_odd() -> None:
    words = told(page(build.anomalies("hbos")))
    start = words.index("2025-12-31 23:59 UTC")
    assert [
        *("2025-12-31 23:59 UTC", "> 99.99 %", "order 17", "4bf92f3577b34da6a3ce929d0e0e4736"),
        *("amount", " = ", "9999", " 75.0 %, ", "country", " 25.0 %"),
        *("2025-12-31 23:00 UTC", "99.75 %", "-", "-", "-"),
    ] == words[start : start + 15]


def test_no_columns_for_ids_and_traces_where_there_are_none() -> None:
    records = (AnomalousRecord(build.NOW, 0.995, (), None, None),)
    words = told(page(build.anomalies("hbos", records=records)))
    assert "What makes it odd" in words
    assert not {"Record", "Trace"} & set(words)


def test_no_text_of_a_record_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    column = OddColumn("feature", evil, 1.0, evil)
    found = page(build.anomalies(evil, records=(AnomalousRecord(1e18, 0.995, (column,), evil, evil),)))
    assert "<script" not in found
    assert 5 <= found.count("&lt;script&gt;")


def test_nothing_where_no_record_was_scored() -> None:
    assert [] == anomaly_section(build.version(), "24h")
    assert "anomalies" not in page()


def test_a_window_without_scored_records_has_no_bars() -> None:
    found = build.anomalies("hbos")
    assert "Percentiles in the window" in page(found)
    empty = replace(found, windows=tuple(replace(one, scored=0) for one in found.windows))
    assert "Percentiles in the window" not in page(empty)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0 %"),
        (0.5, "50 %"),
        (0.99753, "99.75 %"),
        (0.9999, "99.99 %"),
        (1 - 1e-9, "> 99.99 %"),
        (1, "100 %"),
    ],
)
def test_percentiles_are_never_100_by_rounding(value: float, said: str) -> None:
    assert said.replace(" ", "") == percentile(value).replace("\N{NARROW NO-BREAK SPACE}", "")
