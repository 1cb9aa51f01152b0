"""One detector on one version: what it has counted."""

from dataclasses import dataclass, field

import numpy as np

from drift_exporter.anomalies.examples import Examples
from drift_exporter.anomalies.scoring import SIZE
from drift_exporter.config.anomaly import Anomaly
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import Exemplar
from drift_exporter.state.rows import ANOMALIES
from drift_exporter.window.ring import Ring
from drift_exporter.window.slices import Window


@dataclass(frozen=True)
class Detector:
    """A detector as it is configured, fitted on a reference."""

    section: Anomaly
    model: AnomalyModel

    @property
    def name(self) -> str:
        """The label ``detector``."""
        return self.section.detector

    @property
    def fingerprint(self) -> str:
        """What is counted under the same fingerprint adds up."""
        return f"{ANOMALIES}{self.name}-{self.model.fingerprint}"


@dataclass
class Tallied:
    """Counts (SIZE,) since the beginning and by slice of time; the oddest records; the newest by bucket."""

    fingerprint: str
    ring: Ring
    examples: Examples
    totals: IntArray = field(default_factory=lambda: np.zeros(SIZE, dtype=np.int64))
    exemplars: dict[int, Exemplar] = field(default_factory=dict)


def begin(detector: Detector, levels: tuple[Window, ...]) -> Tallied:
    """Before the first record."""
    return Tallied(detector.fingerprint, Ring(levels, SIZE, 0), Examples(detector.section.examples))
