"""Collecting the next batch while another one is counted."""

import sys
import threading
from collections.abc import Callable, Collection
from queue import SimpleQueue

from drift_exporter.sources.kafka.batch import Batch, Key

Request = tuple[Collection[Key], bool, threading.Event]
"""Partitions that go, whether they are lost already, and what to set when they may go."""


_SWITCH = 0.0005
"""Seconds for which a thread may keep Python's lock to itself. Counting gives it back and asks for it
hundreds of times a chunk, and waits this long each time: the usual 5 ms made reading ahead slower than
not to."""


class Ahead(threading.Thread):
    """Collects a batch on a thread of its own, at once; ``requests`` gets a None when that has ended."""

    def __init__(self, collect: Callable[[], Batch | None], requests: "SimpleQueue[Request | None]") -> None:
        super().__init__(name="collect", daemon=True)
        self.batch: Batch | None = None
        self.error: BaseException | None = None
        self._collect = collect
        self._requests = requests
        if sys.getswitchinterval() > _SWITCH:
            sys.setswitchinterval(_SWITCH)
        self.start()

    def run(self) -> None:
        """Collect."""
        try:
            self.batch = self._collect()
        except BaseException as error:  # noqa: BLE001  # it is raised again where it is waited for
            self.error = error
        finally:
            self._requests.put(None)
