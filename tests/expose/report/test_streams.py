from drift_exporter.expose.report.page import report_page
from drift_exporter.expose.report.streams import stream_facts
from support.snapshots import NOW, rich_snapshot, small_snapshot


def test_a_line_for_each_stream_and_detector() -> None:
    (one,) = small_snapshot().models[0].versions

    facts = [(label, str(line)) for label, line in stream_facts(one)]

    moment = '<time datetime="2025-12-31T23:00:00Z">2025-12-31 23:00 UTC</time>'
    assert [
        (
            "Stream wrong, by adwin",
            f"1 change in 1,200 values, the last found at {moment}; mean 0.0625 since",
        ),
        ("Stream error, by ddm", "0 changes in 1,250 values; mean 0.0024"),
    ] == facts


def test_a_warning_is_on_the_page() -> None:
    page = report_page(rich_snapshot().models[0], NOW)
    assert "<dt>Stream wrong, by ddm</dt>" in page
    assert "0 changes in 30,000 values; mean 0.05; a change is suspected" in page
