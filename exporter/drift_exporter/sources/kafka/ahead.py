"""Collecting the next batch while another one is counted."""

import threading
from collections.abc import Callable, Collection
from queue import SimpleQueue

from drift_exporter.sources.kafka.batch import Batch, Key

Request = tuple[Collection[Key], bool, threading.Event]
"""Partitions that go, whether they are lost already, and what to set when they may go."""


class Ahead(threading.Thread):
    """Collects a batch on a thread of its own, at once; ``requests`` gets a None when that has ended."""

    def __init__(self, collect: Callable[[], Batch | None], requests: "SimpleQueue[Request | None]") -> None:
        super().__init__(name="collect", daemon=True)
        self.batch: Batch | None = None
        self.error: BaseException | None = None
        self._collect = collect
        self._requests = requests
        self.start()

    def run(self) -> None:
        """Collect."""
        try:
            self.batch = self._collect()
        except BaseException as error:  # noqa: BLE001  # it is raised again where it is waited for
            self.error = error
        finally:
            self._requests.put(None)
