"""One model's drift of all columns together: the references' samples, and the windows' when they are due.

The methods take tenths of a second each, so a window is judged once for each of its slices of time, and again
where it holds twice as many records meanwhile; in between, what was found is told again.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drift_exporter.config.schema import Model
from drift_exporter.judge.calibration import effects_in_window
from drift_exporter.judge.multivariate.baseline import Baseline, make_baseline
from drift_exporter.judge.multivariate.evaluate import judge_sample
from drift_exporter.reference.loading import sample_of
from drift_exporter.reference.model import FloatArray, Reference
from drift_exporter.reference.sample import LEAST_ROWS, read_sample
from drift_exporter.snapshot import ModelSnapshot, MultivariateDrift, WindowSnapshot
from drift_exporter.window.ring import WindowSum
from drift_exporter.window.sample import sampled_values
from drift_exporter.window.slices import MICROSECONDS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Found:
    """What was found of a window when it was judged; ``problem`` says why nothing could be."""

    moment: tuple[int, int]
    drifts: tuple[MultivariateDrift, ...]
    problem: str | None = None


@dataclass
class Multivariate:
    """Judges windows of a model.

    ``references`` with their ``baselines`` by version; those under None serve every version.
    """

    model: str
    methods: tuple[str, ...]
    size: int
    minimum_records: int
    references: Mapping[str | None, tuple[Reference, Baseline]]
    _found: dict[tuple[str, str], _Found] = field(default_factory=dict)

    def judge(self, snapshot: ModelSnapshot, sums: Mapping[str, tuple[WindowSum, ...]]) -> ModelSnapshot:
        """Add what the methods find to a judged model, given its windows' sums by version.

        Where one cannot be judged, the model's problem says so, and the rest of it stays.
        """
        versions, problems = [], [] if snapshot.problem is None else [snapshot.problem]
        for version in snapshot.versions:
            reference = self.references.get(version.version, self.references.get(None))
            windows = version.windows
            if reference is not None:
                judged = [
                    (window, self._window(version.version, reference, one))
                    for window, one in zip(windows, sums.get(version.version, ()), strict=True)
                ]
                problems += [found.problem for _, found in judged if found.problem is not None]
                windows = tuple(_with(window, found) for window, found in judged)
            versions.append(replace(version, windows=windows))
        problem = "; ".join(dict.fromkeys(problems)) or None
        return replace(snapshot, versions=tuple(versions), problem=problem)

    def _window(self, version: str, reference: tuple[Reference, Baseline], window: WindowSum) -> _Found:
        kept = min(window.rows, self.size)
        moment = window.end // window.window.slice, kept.bit_length()
        key = version, window.window.name
        found = self._found.get(key)
        if found is None or found.moment != moment:
            found = self._found[key] = self._judged(version, *reference, window, moment)
        return found

    def _judged(
        self,
        version: str,
        reference: Reference,
        baseline: Baseline,
        window: WindowSum,
        moment: tuple[int, int],
    ) -> _Found:
        values = sampled_values(window.samples, self.size)
        if window.rows < self.minimum_records or len(values) < min(self.minimum_records, LEAST_ROWS):
            return _Found(moment, ())
        try:
            excess = _excess(reference, window)
            return _Found(moment, judge_sample(baseline, values, self.methods, excess))
        except Exception as error:
            name = window.window.name
            log.exception(
                "model %s, version %s, window %s: multivariate drift failed", self.model, version, name
            )
            return _Found(moment, (), f"multivariate drift of {name}: {type(error).__name__}: {error}")


def _excess(reference: Reference, window: WindowSum) -> FloatArray:
    """What ``judge_sample`` takes as excess, from how much the reference's own windows vary."""
    covered = (window.end - window.oldest) / MICROSECONDS
    effects = effects_in_window(reference.calibration, len(reference.columns), covered, window.rows)
    sampled = [column.kind != "label" for column in reference.columns]
    excess: FloatArray = (effects[sampled] - 1) / window.rows
    return excess


def _with(window: WindowSnapshot, found: _Found) -> WindowSnapshot:
    return replace(window, multivariate=found.drifts)


def load_multivariate(model: Model, references: Mapping[str | None, Reference]) -> Multivariate | None:
    """Load the samples of a model's references, None where no method is configured.

    Raises ReferenceFileError where one is missing or cannot be used.
    """
    methods = model.drift.multivariate
    if not methods:
        return None
    found = {}
    for version, reference in references.items():
        path = sample_of(model, version, reference, "drift.multivariate")
        values = read_sample(path, reference)
        found[version] = reference, make_baseline(values, reference.sampled, methods, model.drift.sample)
    return Multivariate(model.name, methods, model.drift.sample, model.drift.minimum_records, found)
