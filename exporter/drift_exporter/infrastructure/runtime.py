"""Signals at work: asked for every step, judged by what is expected of them, and told of in snapshots.

One thread asks, judges and saves; another one learns. A scrape sees the last snapshot and waits for neither.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from drift_exporter.config.infrastructure import Infrastructure as Section
from drift_exporter.errors import StateError
from drift_exporter.evaluation import Durations
from drift_exporter.infrastructure.answer import Points
from drift_exporter.infrastructure.book import Book, Key, Take
from drift_exporter.infrastructure.client import Asks, PrometheusClient, QueryError
from drift_exporter.infrastructure.correlating import Correlating
from drift_exporter.infrastructure.fitting import Fitter
from drift_exporter.infrastructure.grouping import Grouping
from drift_exporter.infrastructure.judging import judge, targets_of
from drift_exporter.infrastructure.keeping import MODEL, Keeper, query_of
from drift_exporter.infrastructure.learning import Learning
from drift_exporter.infrastructure.own import ModelFacts, built_in
from drift_exporter.infrastructure.queries import Query
from drift_exporter.infrastructure.saved import Counted
from drift_exporter.infrastructure.snapshot import QUERY_BOUNDS, InfrastructureSnapshot
from drift_exporter.sources.http.options import Server
from drift_exporter.state.store import Store

log = logging.getLogger(__name__)

_LEAST_ROUND = 10.0
_STOP = 2.0


@dataclass
class Infrastructure:
    """The signals of one configuration. ``store`` keeps what outlives the process, where there is one.

    ``client`` answers queries, in place of the configured server, and ``pause`` waits between two attempts.
    ``seconds`` is the CPU time that was spent on judging and correlating.
    """

    config: Section
    models: Sequence[ModelFacts]
    store: Store | None = None
    clock: Callable[[], float] = time.time
    timer: Callable[[], float] = time.monotonic
    fitter: Fitter = field(default_factory=Fitter)
    client: Asks | None = None
    pause: Callable[[float], bool] | None = None
    seconds: float = 0.0
    _durations: Durations = field(default_factory=lambda: Durations(QUERY_BOUNDS))
    _stop: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _unsaved: set[Key] = field(default_factory=set)
    _said: str | None = None
    _down: bool = False

    def __post_init__(self) -> None:
        self.book = Book(self.config, [model.name for model in self.models])
        self.queries = list(self._make_queries())
        self.learning = Learning(self.book, self.fitter)
        self.grouping = Grouping(self.book, self.fitter)
        self.correlating = Correlating(self.config.correlation, self.book.shape)
        self.keeper = Keeper(self.store)
        self.fitter.tell = self._wake.set
        self._client: Asks = self.client or PrometheusClient(
            server_of(self.config), self.pause or self._stop.wait, self.clock, observe=self._durations.observe
        )
        self._thread = threading.Thread(target=self._run, name="infrastructure", daemon=True)
        self._told = self._counted()
        self._snapshot = judge(self.book, self.queries, self._told, self.clock())

    @property
    def snapshot(self) -> InfrastructureSnapshot:
        """The newest snapshot."""
        return self._snapshot

    def start(self) -> None:
        """Ask, judge and learn from now on."""
        self.fitter.start()
        self._thread.start()

    def stop(self) -> None:
        """End. What is asked for right now is hardly waited for, and not taken when it comes."""
        with self._lock:
            self._stop.set()
        self._wake.set()
        self.fitter.stop()
        if self._thread.is_alive():
            self._thread.join(_STOP)
        self._client.close()

    def close(self) -> None:
        """End, and save all there is."""
        self.stop()
        try:
            self.keeper.save(self.clock(), self.book, self.queries, self._counted(), self.book.series)
        except StateError as error:
            log.error("infrastructure is not saved: %s", error)  # noqa: TRY400  # the text says it all

    def look(self) -> bool:
        """Ask for what is due, judge and save; tells whether all that was due had its turn."""
        done = self._ask(self.clock())
        self.update()
        return done

    def update(self) -> None:
        """Take what was learnt, let be learnt what is due, judge and save."""
        with self._unless_stopped() as running:
            if not running:
                return
            now, start = self.clock(), time.thread_time()
            news = self.fitter.news()
            self._unsaved |= set(self.learning.take(news, now))
            self.grouping.take(news, now)
            self.learning.hand_out(now)
            self.grouping.hand_out(now)
            targets = targets_of(self.book, self.queries, now)
            signals = {
                name: (one, query.text)
                for (name, one), query in zip(self.book.signals(), self.queries, strict=False)
            }
            companions = self.correlating.look(now, targets, signals)
            self.seconds += time.thread_time() - start
            counted = self._counted()
            try:
                self.keeper.save(now, self.book, self.queries, counted, self._unsaved)
            except StateError as error:
                # What is counted is not told before it is saved.
                self._say(str(error))
            else:
                self._unsaved.clear()
                self._told = counted
                self._say(None)
            start = time.thread_time()
            groups = self.grouping.score(now)
            self._snapshot = judge(
                self.book, self.queries, self._told, now, companions=companions, groups=groups
            )
            self.seconds += time.thread_time() - start

    def restore(self) -> None:
        """Go on where the last save was; raises StateError where that cannot be read."""
        now = self.clock()
        counted = self.keeper.restore(now, self.book, self.queries)
        if counted is not None:
            self._count_on(counted)
        for key, followed in self.book.series.items():
            self.learning.go_on(key, followed)
        self._snapshot = judge(self.book, self.queries, self._told, now)

    def adopt(self, old: "Infrastructure") -> None:
        """Take over what still holds of one that was stopped: counters, and series of the same queries."""
        self.keeper.written |= old.keeper.written
        self._count_on(old._counted())  # noqa: SLF001  # of its own kind
        if self.book.shape == old.book.shape and server_of(self.config) == server_of(old.config):
            before = {query.name: query for query in old.queries}
            for query in self.queries:
                previous = before.get(query.name)
                if previous is None or previous.text != query.text:
                    continue
                query.go_on_from(previous)
                for key, followed in old.book.series.items():
                    if query_of(key) == query.name and (len(key) == 1 or key[1] in self.book.models):
                        changed = self.book.forecast(key) != old.book.forecast(key)
                        self.book.take_over(key, followed, self.clock(), changed=changed)
                        self.learning.go_on(key, followed)
        self._unsaved |= set(self.book.series)
        self._snapshot = judge(self.book, self.queries, self._told, self.clock())

    def _make_queries(self) -> Iterator[Query]:
        for signal in self.config.signals:
            learns = signal.forecast.method != "none"
            take = self._guarded(self.book.taker_of_signal(signal.name))
            yield Query(signal.name, signal.query, learns, take)
        texts: dict[str, str | None] = {}
        for name in self.config.models.built_in:
            texts[name] = built_in(name, self.models, self.config.step)
        texts |= self.config.models.metrics
        for metric, text in texts.items():
            if text is not None:
                take = self._guarded(self.book.taker_of_metric(metric))
                yield Query(name=MODEL + metric, text=text, learns=True, take=take)

    def _guarded(self, take: Take) -> Take:
        """Takes answers while this is at work only; after that another one may have the series."""

        def guarded(points: Sequence[Points], history: bool) -> None:  # noqa: FBT001  # as all that take
            with self._unless_stopped() as running:
                if not running:
                    raise QueryError("it was stopped", down="it was stopped")
                take(points, history)

        return guarded

    def _ask(self, now: float) -> bool:
        """Ask what is due, those that were not asked for longest first, for about a step."""
        place = int(now // self.config.step)
        until = self.timer() + max(self.config.step, _LEAST_ROUND)
        due = sorted((query for query in self.queries if query.tried < place), key=lambda query: query.tried)
        for number, query in enumerate(due):
            if self._stop.is_set() or self.timer() > until:
                return False
            down = query.ask(self._client, self.book.shape, now, self._stop.is_set)
            if down is not None and not self._stop.is_set():
                for other in due[number + 1 :]:
                    other.skip(place, f"{down}; it was not asked")
                if not self._down and len(due) > number + 1:
                    log.warning("%s; %d more signals are not asked for", down, len(due) - number - 1)
                self._down = True
                return True
        self._down = False
        return True

    @contextlib.contextmanager
    def _unless_stopped(self) -> Iterator[bool]:
        """Whether this is still at work, which cannot end meanwhile."""
        with self._lock:
            yield not self._stop.is_set()

    def _counted(self) -> Counted:
        failures = {query.name: query.failures for query in self.queries}
        return Counted(failures, self._durations.counts.copy(), self._durations.total)

    def _count_on(self, counted: Counted) -> None:
        for query in self.queries:
            query.failures = counted.failures.get(query.name, 0)
        self._durations.counts, self._durations.total = counted.durations.copy(), counted.seconds
        self._told = self._counted()

    def _say(self, problem: str | None) -> None:
        if problem != self._said:
            if problem is not None:
                log.error("infrastructure is not saved: %s", problem)
            else:
                log.info("infrastructure: saved without problems again")
            self._said = problem

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                done = self.look()
            except Exception:
                log.exception("looking at the infrastructure failed; it is tried again")
                done = True
            while done and not self._stop.is_set():
                step = self.config.step
                if not self._wake.wait(step - self.clock() % step):
                    break
                self._wake.clear()
                self.update()


def server_of(config: Section) -> Server:
    """Whom to ask, and with what."""
    files = (config.ca_file, config.certificate_file, config.key_file)
    ca, certificate, key = (None if file is None else str(file) for file in files)
    return Server(
        url=config.prometheus,
        headers=config.headers,
        header_files={name: str(path) for name, path in config.header_files.items()},
        timeout=config.timeout,
        ca_file=ca,
        certificate_file=certificate,
        key_file=key,
    )
