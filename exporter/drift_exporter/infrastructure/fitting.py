"""Learning what to expect, off the way of queries: on a thread, and with prophet in a process of its own.

Prophet takes seconds, hundreds of megabytes and the interpreter's lock; a process gives all of that back.
"""

import contextlib
import json
import logging
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from drift_exporter.errors import DriftExporterError
from drift_exporter.infrastructure.fit_process import to_line
from drift_exporter.infrastructure.fits import Task, learn, read_fit
from drift_exporter.infrastructure.followed import Fit

log = logging.getLogger(__name__)

LONGEST = 900.0
"""Seconds that a process may take for one forecast."""

_STOP = 5.0

Key = tuple[str, ...]
"""What is learnt for."""

_PROCESS = (sys.executable, "-m", "drift_exporter.infrastructure.fit_process")


@dataclass(frozen=True)
class Learnt:
    """What became of a task: what was learnt, None where there is too little, or why it failed."""

    key: Key
    found: object
    problem: str | None = None


@dataclass
class Fitter:
    """Learns what is asked of it, one after the other. ``tell`` is called when there is news.

    ``seconds`` is the CPU time that was spent, without that of other processes.
    """

    tell: Callable[[], None] = lambda: None
    command: tuple[str, ...] = _PROCESS
    seconds: float = 0.0
    _jobs: deque[tuple[Key, Callable[[], object]]] = field(default_factory=deque)
    _learnt: deque[Learnt] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _stopped: bool = False
    _thread: threading.Thread | None = None
    _process: "subprocess.Popen[str] | None" = None

    def start(self) -> None:
        """Work on a thread from now on."""
        self._thread = threading.Thread(target=self._run, name="infrastructure-fit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; a process that learns is ended."""
        with self._changed:
            self._stopped = True
            self._jobs.clear()
            if self._process is not None:
                self._process.kill()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_STOP)

    def fit(self, key: Key, task: Task) -> None:
        """Learn a forecast when there is time."""
        method = task.forecast.method
        self.do(key, (lambda: self._in_process(task)) if method == "prophet" else (lambda: learn(task)))

    def do(self, key: Key, job: Callable[[], object]) -> None:
        """Do this when there is time."""
        with self._changed:
            self._jobs.append((key, job))
            self._changed.notify_all()

    @property
    def waiting(self) -> bool:
        """Whether there is something to do."""
        return bool(self._jobs)

    def news(self) -> list[Learnt]:
        """What was learnt since the last call."""
        found = []
        while self._learnt:
            found.append(self._learnt.popleft())
        return found

    def work(self) -> None:
        """Do all that waits, here and now."""
        try:
            while (job := self._next()) is not None:
                start = time.thread_time()
                self._learnt.append(self._done(*job))
                self.seconds += time.thread_time() - start
                self.tell()
        finally:
            self._end_process()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._jobs)
                if self._stopped:
                    return
            self.work()

    def _next(self) -> tuple[Key, Callable[[], object]] | None:
        with self._changed:
            return self._jobs.popleft() if self._jobs and not self._stopped else None

    def _done(self, key: Key, job: Callable[[], object]) -> Learnt:
        try:
            return Learnt(key, job())
        except (ChildProcessError, DriftExporterError) as error:
            return Learnt(key, None, str(error))
        except Exception as error:
            log.exception("learning failed for a reason that was not foreseen")
            return Learnt(key, None, f"{type(error).__name__}: {error}")

    def _in_process(self, task: Task) -> Fit | None:
        """Raises ChildProcessError where that fails."""
        process = self._started()
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        timer = threading.Timer(LONGEST, process.kill)
        timer.start()
        try:
            process.stdin.write(to_line(task) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        finally:
            timer.cancel()
        if not answer.endswith("\n"):
            self._end_process()
            raise ChildProcessError(
                f"the process that learns ended with status {process.returncode}; is there enough memory?"
            )
        document = json.loads(answer)
        if "problem" in document:
            raise ChildProcessError(document["problem"])
        return None if document["fit"] is None else read_fit(task.forecast.method, document["fit"])

    def _started(self) -> "subprocess.Popen[str]":
        with self._changed:
            if self._process is None:
                self._process = subprocess.Popen(  # noqa: S603  # our own program
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                if self._stopped:
                    self._process.kill()
            return self._process

    def _end_process(self) -> None:
        with self._changed:
            process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
