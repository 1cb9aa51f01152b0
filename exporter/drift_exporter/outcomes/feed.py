"""The source of a model's labels at work, and what is saved of it beside the model."""

from dataclasses import dataclass

from drift_exporter.feed import Feed
from drift_exporter.outcomes.labels import LabelIngest
from drift_exporter.snapshot import SourceSnapshot
from drift_exporter.state.counters import counters_anew, read_model_counters
from drift_exporter.state.rows import Changes, ModelState


@dataclass
class LabelFeed:
    """The feed of a model's labels, and what joins them."""

    feed: Feed
    ingest: LabelIngest

    def changes(self, *, anew: bool) -> Changes:
        """What changed since the last save, or with ``anew`` all there is. The caller holds the lock."""
        source = self.feed.source.changes(everything=anew)
        own = self.feed.counters()
        counters = {
            **counters_anew(own),
            **own,
            "records": self.ingest.records,
            "watermark": self.ingest.watermark,
            "rejected": dict(self.ingest.rejected),
        }
        state = ModelState(counters, positions=source.positions, marks=source.marks)
        return Changes(state, forgotten=source.forgotten, unmarked=source.unmarked, anew=anew)

    def restore(self, state: ModelState) -> None:
        """Go on from what was saved; raises StateError where the dead letters cannot be cut back."""
        counters = read_model_counters(state.counters)
        self.ingest.records, self.ingest.watermark = counters.records, counters.watermark
        self.ingest.rejected.update(counters.rejected)
        self.feed.restore(state, counters)

    def adopt(self, old: "LabelFeed") -> None:
        """Take over the counters of before, and where a source of the same kind stands."""
        self.ingest.adopt(old.ingest)
        self.feed.adopt(old.feed)

    def snapshot(self) -> SourceSnapshot:
        """State of the source."""
        # It asks the file system, and counting must not wait for that.
        lag = self.feed.source.lag()
        with self.ingest.lock:
            return self.feed.snapshot(
                records=self.ingest.records,
                rejected=self.ingest.rejected,
                watermark=self.ingest.watermark,
                lag=lag,
            )

    def close(self) -> None:
        """Give everything back."""
        self.feed.source.close()
        self.ingest.close()
