"""The decoder of each format."""

from drift_exporter.decode.csv import CsvDecoder
from drift_exporter.decode.logfmt import LogfmtDecoder
from drift_exporter.decode.ndjson import NdjsonDecoder
from drift_exporter.decode.parquet import ParquetDecoder
from drift_exporter.decode.plan import Plan
from drift_exporter.decode.records import UNBOUNDED, Bounds, Decoder
from drift_exporter.decode.text import TextDecoder


def make_decoder(
    kind: str, plan: Plan, line_limit: int, bounds: Bounds = UNBOUNDED, pattern: str | None = None
) -> Decoder:
    """Make a decoder for chunks of a format; lines of ``text`` are taken apart by a ``pattern``.

    Raises ConfigurationError where the pattern, or the form of timestamps, cannot be used.
    """
    if kind == "csv":
        return CsvDecoder(plan, line_limit, bounds)
    if kind == "parquet":
        return ParquetDecoder(plan, bounds)
    if kind == "logfmt":
        return LogfmtDecoder(plan, line_limit, bounds)
    if kind == "text":
        return TextDecoder(plan, pattern or "", bounds)
    # Of JSON, sources hand on lines.
    return NdjsonDecoder(plan, line_limit, bounds)
