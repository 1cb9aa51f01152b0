"""The source of a model's labels at work, and what is saved of it beside the model."""

from dataclasses import dataclass

from drift_exporter.errors import StateError
from drift_exporter.feed import Feed
from drift_exporter.outcomes.labels import LabelIngest
from drift_exporter.reference.model import Kind
from drift_exporter.snapshot import SourceSnapshot
from drift_exporter.sources.source import SourceState
from drift_exporter.state.counters import counters_anew, read_model_counters
from drift_exporter.state.rows import Changes, ModelState

_LABEL: tuple[Kind, str] = ("label", "label")


@dataclass
class LabelFeed:
    """The feed of a model's labels, and what joins them."""

    feed: Feed
    ingest: LabelIngest

    def changes(self, *, anew: bool) -> Changes:
        """What changed since the last save, or with ``anew`` all there is. The caller holds the lock."""
        source = self.feed.source.changes(everything=anew)
        end = self.feed.letters.cursor()
        ingest = self.ingest
        counters = {
            **counters_anew({"dead_letter": None if end is None else [end.inode, end.size, end.tail.hex()]}),
            "records": ingest.records,
            "watermark": ingest.watermark,
            "rejected": dict(ingest.rejected),
            "invalid": [[*_LABEL, ingest.invalid]],
            "bytes": self.feed.bytes,
            "lost_bytes": self.feed.source.lost_bytes,
            "source": [[kind, label, count] for (kind, label), count in self.feed.source.counts.items()],
        }
        state = ModelState(counters, positions=source.positions, marks=source.marks)
        return Changes(state, forgotten=source.forgotten, unmarked=source.unmarked, anew=anew)

    def restore(self, state: ModelState) -> None:
        """Go on from what was saved; raises StateError where the dead letters cannot be cut back."""
        counters = read_model_counters(state.counters)
        ingest = self.ingest
        ingest.records, ingest.watermark = counters.records, counters.watermark
        ingest.rejected.update(counters.rejected)
        ingest.invalid = counters.invalid.get(_LABEL, 0)
        self.feed.bytes = counters.bytes
        self.feed.source.restore(
            SourceState(state.positions, state.marks, counters.lost_bytes, counters.source)
        )
        try:
            self.feed.letters.restore(counters.dead_letter)
        except OSError as error:
            raise StateError(
                f"{self.feed.letters.path} cannot be cut back to what is saved: {error.strerror}"
            ) from error

    def adopt(self, old: "LabelFeed") -> None:
        """Take over the counters of before, and where a source of the same kind stands."""
        self.ingest.adopt(old.ingest)
        self.feed.bytes = old.feed.bytes
        if type(self.feed.source) is type(old.feed.source):
            self.feed.source.adopt(old.feed.source)

    def snapshot(self) -> SourceSnapshot:
        """State of the source."""
        # It asks the file system, and counting must not wait for that.
        lag = self.feed.source.lag()
        with self.ingest.lock:
            return self.feed.snapshot(
                records=self.ingest.records,
                rejected=dict(self.ingest.rejected),
                watermark=self.ingest.watermark,
                lag=(lag.bytes, lag.records),
            )

    def close(self) -> None:
        """Give everything back."""
        self.feed.source.close()
        self.ingest.close()
