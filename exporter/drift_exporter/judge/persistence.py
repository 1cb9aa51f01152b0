"""What the evaluations before said of a window: a shift may have to hold for several of them.

Drift that has held for k evaluations is drift at each of these, so the p-value of "it has not" is the largest
of theirs: an intersection-union test (Berger (1982), Multiparameter hypothesis testing and acceptance
sampling, Technometrics 24(4)).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drift_exporter.reference.model import Kind

Confidences = Mapping[tuple[Kind, str], float]
"""Confidence by column, each alone."""


@dataclass
class History:
    """The last evaluations of each window of a model, as many as persistence asks for.

    A window's evaluations are counted by *steps*: parts of a 60th of it or less, by which its end moves on.
    Between two of them hardly anything changes, so an evaluation within a step replaces the one before.
    """

    persistence: int
    evaluations: dict[tuple[str, str], list[tuple[int, Confidences]]] = field(default_factory=dict)

    def earlier(self, version: str, window: str, step: int) -> Sequence[Confidences] | None:
        """The evaluations that have to agree with the one at ``step``; None where there are too few yet."""
        wanted = self.persistence - 1
        before = [found for place, found in self.evaluations.get((version, window), ()) if place < step]
        if len(before) < wanted:
            return None
        return before[len(before) - wanted :]

    def note(self, version: str, window: str, step: int, confidences: Confidences) -> None:
        """Remember an evaluation."""
        if self.persistence > 1:
            known = self.evaluations.setdefault((version, window), [])
            known[:] = [one for one in known if one[0] < step][-self.persistence :]
            known.append((step, confidences))

    def adopt(self, old: "History") -> None:
        """Go on with what is known."""
        for key, known in old.evaluations.items() if self.persistence > 1 else ():
            self.evaluations[key] = list(known)
