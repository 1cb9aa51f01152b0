"""Who asks for what gets it."""

import pytest

from drift_exporter.expose.negotiation import PLAIN, accepts_gzip, choose_format

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "form", "content_type"),
    [
        # Prometheus 2.x
        (
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            ),
            "openmetrics",
            OPENMETRICS,
        ),
        # Prometheus 3.x
        (
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
            ),
            "openmetrics",
            OPENMETRICS + "; escaping=allow-utf-8",
        ),
        # Prometheus 3.x that is told to scrape the text format
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "text",
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        # Prometheus with protobuf first, which we do not have
        (
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
                "application/openmetrics-text;version=0.0.1;q=0.6,text/plain;version=0.0.4;q=0.5"
            ),
            "openmetrics",
            "application/openmetrics-text; version=0.0.1; charset=utf-8",
        ),
        # A browser, curl, nothing, and nothing that we have
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text", PLAIN.content_type),
        ("*/*", "text", PLAIN.content_type),
        ("", "text", PLAIN.content_type),
        ("image/png", "text", PLAIN.content_type),
        # Weights decide, not the order; zero means no
        ("application/openmetrics-text;q=0.2,text/plain;q=0.3", "text", PLAIN.content_type),
        ("text/plain;q=0.3, application/openmetrics-text; version=1.0.0 ;q=0.4", "openmetrics", OPENMETRICS),
        ("application/openmetrics-text;q=0", "text", PLAIN.content_type),
        # Versions that nobody knows, and an escaping that would change our names
        ("application/openmetrics-text;version=9.0.0", "text", PLAIN.content_type),
        (
            "application/openmetrics-text;version=1.0.0;escaping=dots",
            "openmetrics",
            OPENMETRICS + "; escaping=underscores",
        ),
        # Anything else in capitals, quoted or broken
        ('Application/OpenMetrics-Text; Version="1.0.0"', "openmetrics", OPENMETRICS),
        ("application/openmetrics-text;q=high,text/plain", "text", PLAIN.content_type),
        (",;,;;q=1,", "text", PLAIN.content_type),
    ],
)
def test_format(accept: str, form: str, content_type: str) -> None:
    choice = choose_format(accept)
    assert (form, content_type) == (choice.format, choice.content_type)


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("x-gzip", True),
    ],
)
def test_gzip(accept_encoding: str, *, expected: bool) -> None:
    assert expected == accepts_gzip(accept_encoding)
