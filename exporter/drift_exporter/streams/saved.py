"""What is known of streams as it is saved: JSON, read with care."""

from collections.abc import Mapping
from typing import Any

from drift_exporter.streams.adwin import Adwin
from drift_exporter.streams.ddm import Ddm
from drift_exporter.streams.detector import Detector
from drift_exporter.streams.page_hinkley import PageHinkley
from drift_exporter.streams.watch import Watched

_DETECTORS: Mapping[str, Detector] = {"adwin": Adwin(0.5), "page_hinkley": PageHinkley(), "ddm": Ddm()}

KEY = "streams"
"""Where it stands among a version's counters."""


def to_saved(watched: Mapping[tuple[str, str], Watched]) -> list[Any]:
    """A version's streams as JSON."""
    return [
        {
            "stream": stream,
            "detector": detector,
            "settings": one.settings,
            "values": one.values,
            "detections": one.detections,
            "last_detection": one.last_detection,
            "state": one.state,
        }
        for (stream, detector), one in watched.items()
    ]


def from_saved(document: Mapping[str, Any]) -> dict[tuple[str, str], Watched]:
    """The streams among a version's counters; ValueError says what is wrong with them."""
    # States of before there were streams have none.
    entries = document.get(KEY, [])
    if not isinstance(entries, list):
        raise ValueError("the streams are no list")  # noqa: TRY004  # damage, whatever it is
    return dict(map(_watched, entries))


def _watched(entry: object) -> tuple[tuple[str, str], Watched]:
    if not isinstance(entry, dict):
        raise ValueError("a stream is no object")  # noqa: TRY004  # damage, whatever it is
    stream, detector, settings, state = (
        entry.get(key) for key in ("stream", "detector", "settings", "state")
    )
    if not isinstance(stream, str) or not isinstance(settings, str) or not isinstance(state, dict):
        raise ValueError("a stream lacks its name, settings or state")  # noqa: TRY004  # damage, whatever it is
    if not isinstance(detector, str) or detector not in _DETECTORS:
        raise ValueError(f"the stream {stream[:40]!r} has the detector {str(detector)[:40]!r}")
    _DETECTORS[detector].check(state)
    last = entry.get("last_detection")
    values, detections = _count(entry, "values"), _count(entry, "detections")
    if last is not None and (not isinstance(last, int) or isinstance(last, bool)):
        raise ValueError("a stream's last_detection is no time")  # damage, whatever it is
    return (stream, detector), Watched(settings, state, values, detections, last)


def _count(entry: Mapping[str, Any], key: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"a stream's {key} is {str(value)[:40]!r}")
    return value
