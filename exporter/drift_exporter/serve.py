"""``serve``: read, judge and answer scrapes until told to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from drift_exporter.budget import divide
from drift_exporter.config import Config, load_config, masked_dump
from drift_exporter.config.references import learns_bins
from drift_exporter.config.sources import PushSource as PushSection
from drift_exporter.errors import ConfigurationError, DriftExporterError, StateError
from drift_exporter.expose.app import create_app
from drift_exporter.expose.render import Rendered, render
from drift_exporter.reader import Reader
from drift_exporter.receive.endpoint import Intake, asks_for_token, make_endpoint
from drift_exporter.runtime import ModelRuntime, take_snapshot
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import Snapshot
from drift_exporter.sources.listing import Shard
from drift_exporter.sources.push.source import PushSource
from drift_exporter.state.store import Store
from drift_exporter.web.file import WebFile
from drift_exporter.web.guard import guard

if TYPE_CHECKING:
    from drift_exporter.infrastructure.runtime import Infrastructure

log = logging.getLogger(__name__)

_FIRST_READ = 2.0
"""Seconds that the first evaluation waits for the first look at the sources, at most."""


class Exporter:
    """The running exporter: its configuration, its models, and the newest metrics."""

    def __init__(
        self, config_path: Path, clock: Callable[[], float] = time.time, shard: Shard | None = None
    ) -> None:
        """Load the configuration and set every model up; raises DriftExporterError where that fails.

        With ``shard`` (index from 0, count) only the files of that shard are read, and state and dead letters
        are in folders of their own.
        """
        self._path = config_path
        self._shard = shard
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._reload_successful = True
        self._reload_timestamp = clock()
        self._evaluated = False
        self._config = self._load()
        self._slots = _new_slots(self._config)
        self._store = Store(self._config.state_dir)
        try:
            self._models = self._set_up(self._config, {})
            self._infrastructure = self._set_up_infrastructure(self._config, self._models, None)
        except BaseException:
            self._store.close()
            raise
        self._readers = [Reader(model, self._slots) for model in self._models]
        empty = Snapshot(clock(), (), (), config_reload_successful=True, config_reload_timestamp=clock())
        self._rendered = render(empty, series_limit=self._config.limits.series)
        self._evaluator = threading.Thread(target=self._evaluate, name="evaluate", daemon=True)

    def current(self) -> Rendered:
        """The newest metrics."""
        return self._rendered

    def not_ready(self) -> str | None:
        """Why the exporter is not ready; None once there was an evaluation."""
        return None if self._evaluated else "the first evaluation is not done yet"

    def config_text(self) -> str:
        """The configuration in use, secrets masked."""
        return masked_dump(self._config)

    def intake(self, name: str) -> Intake | None:
        """Where to put what is sent for a source (``fraud/labels``); None where it is not of that kind."""
        for model in self._models:
            for feed, options in model.sections:
                if feed.name == name and isinstance(feed.source, PushSource):
                    if not isinstance(options, PushSection):
                        return None
                    events, line = options.events != "none", model.ingest.limits.line
                    return Intake(
                        feed.source, options.request, options.backlog, options.token_file, events, line
                    )
        return None

    def start(self) -> None:
        """Begin to read and to judge."""
        for reader in self._readers:
            reader.start()
        if self._infrastructure is not None:
            self._infrastructure.start()
        self._evaluator.start()

    def stop(self) -> None:
        """End: the chunks in hand are counted, then everything is given back."""
        self._stop.set()
        self._wake.set()
        # All at once: those that wait for their turn must not begin with another chunk.
        for reader in self._readers:
            reader.ask_to_stop()
        for reader in self._readers:
            reader.stop()
        if self._evaluator.is_alive():
            self._evaluator.join()
        for model in self._models:
            try:
                with model.ingest.lock:
                    model.save()
            except (StateError, OSError) as error:
                log.error("model %s: %s", model.model.name, error)  # noqa: TRY400  # the text says it all
            model.close()
        if self._infrastructure is not None:
            self._infrastructure.close()
        self._store.close()

    def reload(self) -> None:
        """Load the configuration anew; raises DriftExporterError and changes nothing where it is refused.

        A model whose configuration, reference and windows are as before goes on as if nothing had happened.
        """
        with self._lock:
            try:
                config = self._load()
                if config.state_dir != self._config.state_dir:
                    raise ConfigurationError(
                        f"{self._path}: state_dir: changing it needs a restart; in use is "
                        f"{self._config.state_dir}"
                    )
                before = {model.model.name: model for model in self._models}
                models = self._set_up(config, before)
                try:
                    infrastructure = self._set_up_infrastructure(config, models, self._infrastructure)
                except DriftExporterError:
                    for model in models:
                        if model not in before.values():
                            model.close()
                    raise
            except DriftExporterError as error:
                self._reload_successful = False
                log.error("the new configuration is refused, the old one stays in use: %s", error)  # noqa: TRY400  # the text says it all
                self._wake.set()
                raise
            self._swap(config, models)
            self._swap_infrastructure(infrastructure)
            self._reload_successful, self._reload_timestamp = True, self._clock()
            log.info("configuration reloaded from %s", self._path)
            self._wake.set()

    def _load(self) -> Config:
        config = load_config(self._path)
        if self._shard is None:
            return config
        for model in config.models:
            if learns_bins(model.reference):
                raise ConfigurationError(
                    f"{self._path}: the reference of model {model.name!r} names no file with bins; counts of "
                    "shards that lay their own cannot be added up; name one: reference: {..., bins: FILE}"
                )
        return config_of_shard(config, self._shard)

    def _set_up(self, config: Config, before: dict[str, ModelRuntime]) -> list[ModelRuntime]:
        models: list[ModelRuntime] = []
        try:
            for model in config.models:
                new = make_model(model, config, clock=self._clock, store=self._store, shard=self._shard)
                old = before.get(model.name)
                if old is not None and new.continues(old):
                    new.close()
                    new = old
                models.append(new)
                if old is None:
                    new.restore()
        except DriftExporterError:
            for made in models:
                if made not in before.values():
                    made.close()
            raise
        return models

    def _swap(self, config: Config, models: list[ModelRuntime]) -> None:
        if config.limits.memory != self._config.limits.memory:
            # All models begin anew then, so none has a slot of before.
            self._slots = _new_slots(config)
        kept = {id(model) for model in models}
        readers = {id(reader.model): reader for reader in self._readers}
        ended = [model for model in self._models if id(model) not in kept]
        for model in ended:
            readers.pop(id(model)).stop()
        for model in models:
            if id(model) not in readers:
                previous = next((old for old in ended if old.model.name == model.model.name), None)
                if previous is not None:
                    # Whatever the old reader counted until it stopped comes along.
                    model.adopt(previous)
                readers[id(model)] = Reader(model, self._slots)
                readers[id(model)].start()
        for model in ended:
            model.close()
        self._config, self._models = config, models
        self._readers = list(readers.values())

    def _set_up_infrastructure(
        self, config: Config, models: list[ModelRuntime], old: "Infrastructure | None"
    ) -> "Infrastructure | None":
        """The signals; those at work where nothing changed. Of shards the first one asks for them."""
        if config.infrastructure is None or (self._shard is not None and self._shard[0] > 0):
            return None
        # Most have none, and it brings what asks servers.
        from drift_exporter.infrastructure.setting_up import make_infrastructure  # noqa: PLC0415

        new = make_infrastructure(config.infrastructure, models, self._store, self._clock)
        if old is not None and (new.config, new.models) == (old.config, old.models):
            return old
        if old is None:
            new.restore()
        return new

    def _swap_infrastructure(self, new: "Infrastructure | None") -> None:
        old, self._infrastructure = self._infrastructure, new
        if new is old:
            return
        if old is not None and new is None:
            old.close()
        elif old is not None and new is not None:
            old.stop()
            new.adopt(old)
        if new is not None:
            new.start()

    def _evaluate(self) -> None:
        deadline = time.monotonic() + _FIRST_READ
        for reader in self._readers:
            reader.first_done.wait(max(0.0, deadline - time.monotonic()))
        while not self._stop.is_set():
            self._wake.clear()
            started = time.monotonic()
            try:
                with self._lock:
                    config, models = self._config, self._models
                    snapshot = take_snapshot(
                        models,
                        reload_successful=self._reload_successful,
                        reload_timestamp=self._reload_timestamp,
                        now=self._clock(),
                    )
                    snapshot = replace(snapshot, runbooks=config.runbooks)
                    if self._infrastructure is not None:
                        snapshot = replace(snapshot, infrastructure=self._infrastructure.snapshot)
                previous = self._rendered if self._evaluated else None
                self._rendered = render(snapshot, series_limit=config.limits.series, previous=previous)
                self._evaluated = True
                for model in models:
                    model.dropped_series += self._rendered.dropped.get(model.model.name, 0)
            except Exception:
                log.exception("putting the metrics together failed; the ones before are served on")
            self._wake.wait(max(0.0, self._config.evaluation_interval - (time.monotonic() - started)))


def _new_slots(config: Config) -> threading.Semaphore:
    """How many models may decode at the same time."""
    return threading.BoundedSemaphore(divide(config.limits.memory).slots)


def config_of_shard(config: Config, shard: Shard) -> Config:
    """The configuration with the folders of one shard."""
    folder = f"shard-{shard[0] + 1}-of-{shard[1]}"
    return config.model_copy(
        update={"state_dir": config.state_dir / folder, "dead_letter": config.dead_letter / folder}
    )


def serve(  # noqa: PLR0913  # what the command line has
    config_path: Path,
    host: str,
    port: int,
    *,
    lifecycle: bool,
    shard: Shard | None = None,
    web: Path | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status. ``web`` is the file of --web.config.file."""
    file = None if web is None else WebFile(web)
    exporter = Exporter(config_path, shard=shard)
    app = create_app(
        current=exporter.current,
        not_ready=exporter.not_ready,
        config=exporter.config_text,
        reload=exporter.reload if lifecycle else None,
        predictions=make_endpoint(exporter.intake),
    )
    if file is not None:
        app = guard(app, file, lambda path: asks_for_token(exporter.intake, path))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            lifespan="off",
        )
    )
    secure = file is not None and file.context is not None
    if file is not None and secure:
        server.config.load()
        server.config.ssl = file.context
    listening = listen(server.config)
    with _signals(exporter, server):
        exporter.start()
        try:
            log.info("listening on %s", _address(host, port, secure=secure))
            asyncio.run(server.serve(sockets=[listening]))
        finally:
            exporter.stop()
            listening.close()
    return 0


def listen(config: uvicorn.Config) -> socket.socket:
    """The socket that the server listens on; raises DriftExporterError where that cannot be had."""
    try:
        listening = config.bind_socket()
    except SystemExit:
        raise DriftExporterError(
            f"cannot listen on {config.host}:{config.port}; is the port taken? Choose another with "
            "--web.listen-address"
        ) from None
    # Accepted connections inherit it. Without it the body of a small answer waits 40 ms for the client to
    # acknowledge the header.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


@contextlib.contextmanager
def _signals(exporter: Exporter, server: uvicorn.Server) -> Iterator[None]:
    """SIGHUP reloads; SIGINT and SIGTERM end in good order, whenever they come.

    The server catches the last two while it runs and raises them once more when it has ended: without
    handlers of our own that would end the process before the exporter is stopped.
    """

    def reload() -> None:
        # Already in the log; the metrics tell it too.
        with contextlib.suppress(DriftExporterError):
            exporter.reload()

    def on_hangup(_number: int, _frame: object) -> None:
        # A handler interrupts whatever runs; the work is done on a thread of its own.
        threading.Thread(target=reload, name="reload", daemon=True).start()

    def on_end(_number: int, _frame: object) -> None:
        server.should_exit = True

    handlers = {signal.SIGHUP: on_hangup, signal.SIGINT: on_end, signal.SIGTERM: on_end}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _address(host: str, port: int, *, secure: bool) -> str:
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
