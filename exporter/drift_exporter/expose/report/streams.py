"""What the report says of streams: how often each has changed, and when last."""

from drift_exporter.expose.report.markup import Markup, join
from drift_exporter.expose.report.words import moment, number, plural
from drift_exporter.snapshot import StreamSnapshot, VersionSnapshot


def stream_facts(version: VersionSnapshot) -> list[tuple[str, str | Markup]]:
    """A label and a line for each stream and detector of a version."""
    return [(f"Stream {one.stream}, by {one.detector}", _line(one)) for one in version.streams]


def _line(stream: StreamSnapshot) -> Markup:
    parts: list[str | Markup] = [
        f"{plural(stream.detections, 'change', 'changes')} in {plural(stream.values, 'value', 'values')}"
    ]
    if stream.last_detection is not None:
        parts += [", the last found at ", moment(stream.last_detection)]
    if stream.mean is not None:
        parts.append(f"; mean {number(stream.mean)}" + (" since" if stream.detections else ""))
    if stream.warning:
        parts.append("; a change is suspected")
    return join(parts)
