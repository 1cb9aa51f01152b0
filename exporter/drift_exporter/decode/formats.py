"""The decoder of each format."""

from drift_exporter.decode.csv import CsvDecoder
from drift_exporter.decode.ndjson import NdjsonDecoder
from drift_exporter.decode.parquet import ParquetDecoder
from drift_exporter.decode.plan import Plan
from drift_exporter.decode.records import UNBOUNDED, Bounds, Decoder


def make_decoder(kind: str, plan: Plan, line_limit: int, bounds: Bounds = UNBOUNDED) -> Decoder:
    """Make a decoder for ``ndjson``, ``csv`` or ``parquet``."""
    if kind == "csv":
        return CsvDecoder(plan, line_limit, bounds)
    if kind == "parquet":
        return ParquetDecoder(plan, bounds)
    return NdjsonDecoder(plan, line_limit, bounds)
