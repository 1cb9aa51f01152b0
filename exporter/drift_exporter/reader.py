"""Reading a model's sources on a thread of its own."""

import threading

from drift_exporter.runtime import ModelRuntime

POLL_INTERVAL = 1.0
"""Seconds between two looks at a source that had nothing new, at least."""

_IDLE_SHARE = 1 / 100
"""Share of a core that looking at a source with nothing new may take: many files are looked at less often."""


class Reader:
    """Reads one model's source on a thread, again and again, until told to stop."""

    def __init__(self, model: ModelRuntime, slots: threading.Semaphore) -> None:
        """``slots`` bounds how many models decode at the same time, and so the memory for it."""
        self.model = model
        self._slots = slots
        self._stop = threading.Event()
        self.first_done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"read-{model.model.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the chunk that is being counted."""
        self._stop.set()

    def stop(self) -> None:
        """End after the chunk that is being counted, and wait for that."""
        self.ask_to_stop()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._slots:
                # Others may have read for long.
                if not self._stop.is_set():
                    self.model.read(self._stop.is_set)
            self.first_done.set()
            if not self.model.more:
                self._stop.wait(max(POLL_INTERVAL, self.model.idle_cost / _IDLE_SHARE))
