"""What is known of odd records, as series."""

from collections.abc import Iterator

from drift_exporter.expose import anomaly_catalogue as catalogue
from drift_exporter.expose.parts import Part, Series, present
from drift_exporter.snapshot import AnomalySnapshot, VersionSnapshot


def anomaly_parts(model: str, version: VersionSnapshot, rank: tuple[int, int]) -> Iterator[Part]:
    """The series of each of a version's detectors. ``rank`` are the places of the model and the version."""
    for place, found in enumerate(version.anomalies):
        series = tuple(_detector((model, version.version, found.detector), found))
        yield Part(model, (0, 2 + place, *rank), series)


def _detector(labels: tuple[str, ...], found: AnomalySnapshot) -> Iterator[Series]:
    yield Series(catalogue.ANOMALY_SCORE, labels, found.scores)
    yield Series(catalogue.ANOMALIES, labels, found.anomalies)
    yield Series(catalogue.ANOMALY_SCORED_TOTAL, labels, found.scored)
    yield Series(catalogue.ANOMALY_SKIPPED_TOTAL, labels, found.skipped)
    yield Series(catalogue.ANOMALY_EXPECTED_RATIO, labels, found.expected)
    for window in found.windows:
        own = (*labels, window.name)
        yield from present(
            (catalogue.ANOMALY_WINDOW_SAMPLES, own, window.scored),
            (catalogue.ANOMALY_RATIO, own, window.ratio),
            (catalogue.ANOMALY_CONFIDENCE, own, window.confidence),
        )
