"""The streams of one model, by version."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from drift_exporter.config.schema import Model
from drift_exporter.config.streams import Stream
from drift_exporter.decode.plan import Plan
from drift_exporter.decode.records import Records
from drift_exporter.reference.model import IntArray, Reference
from drift_exporter.snapshot import StreamSnapshot
from drift_exporter.streams.adwin import Adwin
from drift_exporter.streams.ddm import THRESHOLD, WARNING, Ddm
from drift_exporter.streams.detector import Detector
from drift_exporter.streams.page_hinkley import PageHinkley
from drift_exporter.streams.reading import positive_labels, scale_of, values_of
from drift_exporter.streams.watch import Watch, Watched
from drift_exporter.window.slices import MICROSECONDS

DELTA = 0.002
"""ADWIN's chance that a look finds a change where there is none, by default."""

Key = tuple[str, str]
"""Names of a stream and of its detector."""

Advanced = Mapping[str, Mapping[Key, Watched]]
"""What is known of the streams afterwards, by version."""

_ONLY_UP = frozenset({"error", "wrong"})
_OF_LABELS = frozenset({"wrong", "outcome"})


class ModelStreams:
    """What is known of a model's streams. ``advance`` changes nothing, ``take`` does."""

    def __init__(self, model: Model, references: Mapping[str | None, Reference]) -> None:
        """Raise ConfigurationError where a reference does not tell what a stream needs."""
        self._model = model
        self._streams = () if model.concept_drift is None else model.concept_drift.streams
        self._references = references
        self._positive = positive_labels(model, list(references.values()))
        self._watches: dict[tuple[str, Key], Watch | None] = {}
        for version in references:
            for stream in self._streams:
                scale_of(stream, model, references[version])
        self.watched: dict[str, dict[Key, Watched]] = {}
        """By version; also of streams that are not configured any more, which may be again."""

    def advance(
        self, plan: Plan, records: Records, times: IntArray, versions: tuple[Sequence[str], IntArray]
    ) -> Advanced:
        """What is known after records, given their times (microseconds) and versions (``versions_of``)."""
        names, version = versions
        found: dict[str, dict[Key, Watched]] = {name: {} for name in names}
        for stream in self._streams:
            values = values_of(stream, self._model, plan, records)
            for index, name in enumerate(names):
                watch = self._watch(name, stream)
                if watch is not None:
                    mine = version == index if len(names) > 1 else slice(None)
                    before = self._known(name, stream, watch)
                    found[name][_key(stream)] = watch.update(before, values[mine], times[mine])
        return found

    def take(self, advanced: Advanced) -> None:
        """Go on from there."""
        for version, watched in advanced.items():
            self.watched.setdefault(version, {}).update(watched)

    def adopt(self, old: "ModelStreams") -> None:
        """Take over what is known from before the model was configured anew."""
        self.watched = old.watched

    def snapshot(self, version: str) -> tuple[StreamSnapshot, ...]:
        """What there is to expose of a version's streams."""
        found = []
        for stream in self._streams:
            watch = self._watch(version, stream)
            if watch is None:
                continue
            watched = self._known(version, stream, watch)
            last = watched.last_detection
            found.append(
                StreamSnapshot(
                    stream=stream.stream,
                    detector=stream.detector,
                    values=watched.values,
                    detections=watched.detections,
                    last_detection=None if last is None else last / MICROSECONDS,
                    mean=watch.mean(watched),
                    warning=watch.detector.warns(watched.state),
                )
            )
        return tuple(found)

    def _known(self, version: str, stream: Stream, watch: Watch) -> Watched:
        watched = self.watched.get(version, {}).get(_key(stream))
        return watch.begin() if watched is None else watch.resume(watched)

    def _watch(self, version: str, stream: Stream) -> Watch | None:
        """None where a version's reference is needed, and it has none."""
        place = version, _key(stream)
        if place not in self._watches:
            reference = self._references.get(version, self._references.get(None))
            scale = scale_of(stream, self._model, reference)
            if scale is None:
                self._watches[place] = None
            else:
                positive = self._positive if stream.stream in _OF_LABELS else None
                settings = json.dumps(
                    [stream.model_dump(), asdict(scale), positive, self._model.task], sort_keys=True
                )
                self._watches[place] = Watch(make_detector(stream), scale, settings)
        return self._watches[place]


def make_detector(stream: Stream) -> Detector:
    """The detector that a stream is watched by, as it is set there."""
    return _MAKERS[stream.detector](stream)


def _adwin(stream: Stream) -> Detector:
    up, down = _directions(stream)
    return Adwin(DELTA if stream.delta is None else stream.delta, up=up, down=down)


def _page_hinkley(stream: Stream) -> Detector:
    up, down = _directions(stream)
    return PageHinkley(stream.delta, stream.threshold, up=up, down=down)


def _ddm(stream: Stream) -> Detector:
    threshold = THRESHOLD if stream.threshold is None else stream.threshold
    return Ddm(min(WARNING, threshold) if stream.warning is None else stream.warning, threshold)


_MAKERS: Mapping[str, Callable[[Stream], Detector]] = {
    "adwin": _adwin,
    "page_hinkley": _page_hinkley,
    "ddm": _ddm,
}


def _directions(stream: Stream) -> tuple[bool, bool]:
    """Whether changes upwards and downwards count. Fewer errors are no reason for an alarm."""
    direction = stream.direction or ("up" if stream.stream in _ONLY_UP else "both")
    return direction != "down", direction != "up"


def _key(stream: Stream) -> Key:
    return stream.stream, stream.detector
