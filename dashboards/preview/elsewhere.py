"""Sources of the delivery model that are not files: what they would have counted."""

from typing import Any

from drift_exporter.snapshot import SourceSnapshot
from drift_exporter.sources.source import LOST_RECORDS, REQUESTS, UNPAIRED
from preview.world import partitioned


def more_sources(now: float, seconds: float) -> tuple[SourceSnapshot, ...]:
    """A topic of Kafka, requests that bring predictions, and a log of several models, at ``now``."""
    records = int(seconds * 1.2)
    cut = partitioned(now)
    common: dict[str, Any] = {
        "up": True,
        "lost_bytes": 0,
        "rejected": {},
        "lag_bytes": None,
        "watermark": now - 2,
        "problem": None,
    }
    topic = SourceSnapshot(
        name="delivery/topic",
        type="kafka",
        records=records,
        bytes=records * 310,
        lag_records=int(now / 60) % 7 * 20 + (4_000 if cut else 0),
        counts={(LOST_RECORDS, "expired"): int(seconds // 9_000)},
        **common,
    )
    pushed = SourceSnapshot(
        name="delivery/requests",
        type="push",
        records=records // 3,
        bytes=records * 90,
        unconfigured={"returns": int(seconds * 0.02)},
        counts={
            (REQUESTS, "200"): records // 30,
            (REQUESTS, "503"): int(seconds // 600),
            (UNPAIRED, "request"): int(seconds // 1_200),
        },
        **common,
    )
    return topic, pushed
