"""What the fuzzers share: how long they run, damage to bytes, and a model that reads whatever it is given."""

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from drift_exporter.ingest import ModelIngest
from drift_exporter.runtime import ModelRuntime
from drift_exporter.sources.file import FileSource
from support.records import NOW, Setup

FIELDS = {
    "timestamp": "ts", "version": "version", "prediction": "prediction", "score": "score",
    "latency": {"field": "latency_ms", "unit": "ms"}, "error": "error", "trace_id": "trace_id",
    "features": "features.*",
}  # fmt: skip
LINE_LIMIT = 2048


def examples(usual: int) -> settings:
    """Settings of a fuzzer: ``usual`` examples, or as many as the environment's FUZZ_EXAMPLES says."""
    return settings(
        max_examples=int(os.environ.get("FUZZ_EXAMPLES", usual)),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@dataclass(frozen=True)
class Damage:
    """One change of bytes: at ``place`` (a share of the length) ``length`` bytes become ``new``."""

    place: float
    length: int
    new: bytes

    def apply(self, data: bytes) -> bytes:
        """The bytes after the change."""
        start = int(self.place * len(data))
        return data[:start] + self.new + data[start + self.length :]


def damages(new: st.SearchStrategy[bytes], longest: int = 12) -> st.SearchStrategy[Damage]:
    """Bytes left out, put in or replaced by some of ``new``."""
    return st.builds(Damage, st.floats(0, 1), st.integers(0, longest), new)


def damaged(data: bytes, changes: Iterable[Damage]) -> bytes:
    """The bytes after all changes."""
    for change in changes:
        data = change.apply(data)
    return data


class Complaints(logging.Handler):
    """Keeps the exceptions that were caught as a last resort, which none should have to be."""

    def __init__(self) -> None:
        super().__init__()
        self.caught: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record that holds an exception."""
        if record.exc_info:
            self.caught.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@dataclass
class Outcome:
    """What reading one file changed."""

    records: int
    rejected: dict[str, int]
    problem: str | None


class Reading:
    """A model's real source, decoder and counts, given one file after the other."""

    def __init__(self, folder: Path, ending: str, **options: str) -> None:
        """``ending`` is that of the files, such as ``ndjson.gz``; ``options`` are those of the source."""
        self.setup = Setup(
            folder,
            path=f"logs/*.{ending}",
            fields=FIELDS,
            limits={"line": LINE_LIMIT, "categories": 10},
            windows=["2m", "1h", "7d"],
            **options,
        )
        self.file = self.setup.logs / f"a.{ending}"
        self.model = self.setup.model(final=True)
        self.complaints = Complaints()
        logging.getLogger("drift_exporter").addHandler(self.complaints)

    def close(self) -> None:
        """Give everything back."""
        logging.getLogger("drift_exporter").removeHandler(self.complaints)
        self.model.close()

    def give(self, content: bytes, chunk_size: int = 32 << 20) -> Outcome:
        """Have the model read a file with this content, until there is nothing more to read."""
        ingest, before = self.model.ingest, counted(self.model.ingest)
        self.begin(content, chunk_size)
        self.model.read()
        first = counted(ingest)
        self.model.read()
        assert first == counted(ingest), "the second look counted something again"
        assert [] == self.complaints.caught
        rejected = {
            reason: count - before["rejected"].get(reason, 0)
            for reason, count in ingest.rejected.items()
            if count > before["rejected"].get(reason, 0)
        }
        return Outcome(ingest.records - before["records"], rejected, self.model.problem)

    def begin(self, content: bytes, chunk_size: int = 32 << 20) -> None:
        """Put a file there that no one has seen yet."""
        self.complaints.caught.clear()
        old = self.model.source
        old.close()
        self.file.write_bytes(content)
        self.model.feed.source = FileSource(
            old.pattern, old.format, old.line_limit, chunk_size=chunk_size, final=True, guard=old.guard
        )

    def fresh(self) -> ModelIngest:
        """Begin to count anew."""
        ingest = self.model.ingest
        if len(ingest.plan.versions) > self.setup.config.limits.versions // 2:
            # Versions stay known, and of further ones only so many are told apart.
            config = self.setup.config
            ingest.close()
            ingest = self.model.ingest = ModelIngest(config.models[0], config, ingest.references, lambda: NOW)
        for counts in (ingest.totals, ingest.rings, ingest.invalid, ingest.late, ingest.rejected):
            counts.clear()
        ingest.records, ingest.watermark = 0, None
        self.model.letters.path.unlink(missing_ok=True)
        return ingest


def counted(ingest: ModelIngest) -> dict[str, Any]:
    """All whole numbers that a model counted, comparable."""
    return {
        "records": ingest.records,
        "rejected": dict(ingest.rejected),
        "invalid": {key: count for key, count in ingest.invalid.items() if count},
        "late": {reason: count for reason, count in ingest.late.items() if count},
        "watermark": ingest.watermark,
        "versions": {
            version: (
                totals.predictions,
                totals.errors,
                totals.latency.tolist(),
                totals.confidence.tolist(),
                totals.columns.tolist(),
                totals.last_timestamp,
            )
            for version, totals in ingest.totals.items()
        },
        "windows": {
            version: [
                (one.rows, one.counts.tolist())
                for one in (ring.sum(level, ingest.watermark or 0) for level in range(len(ring.windows)))
            ]
            for version, ring in ingest.rings.items()
        },
    }


def is_blank(line: bytes) -> bool:
    """Whether a line of NDJSON holds nothing; over the limit no one looks whether it does."""
    return len(line) <= LINE_LIMIT and not line.strip(b" \t\v\f\r")


def lines_that_count(content: bytes) -> int:
    """Number of lines of an NDJSON file each of which must be either counted or rejected."""
    return sum(not is_blank(line) for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n"))


def offsets_lead_to_lines(content: bytes, model: ModelRuntime) -> None:
    """Every dead letter says where its line begins, and how long it is."""
    path = model.letters.path
    for letter in map(json.loads, path.read_bytes().splitlines() if path.exists() else ()):
        start, length = letter["offset"], letter["length"]
        begins_line = start in {0, 3} or content[start - 1 : start] == b"\n"
        assert begins_line, letter
        assert b"\n" not in content[start : start + length], letter
        assert content[start + length : start + length + 1] in {b"", b"\n"}, letter
