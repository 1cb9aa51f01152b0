"""The file of ``--web.config.file`` in use, looked at again whenever somebody connects or asks.

So users and certificates can be replaced without a restart. A file that cannot be used is told in the log,
and what was in use before stays in use: a mistake in it must neither let everybody in nor blind Prometheus.
"""

import logging
import ssl
import threading
from pathlib import Path

from drift_exporter.config.web import TlsServer, Web, load_web
from drift_exporter.errors import ConfigurationError
from drift_exporter.web.tls import make_context

log = logging.getLogger(__name__)

_Signature = tuple[tuple[str, int, int, int], ...]
"""Path, inode, size and time of change of each file."""


class WebFile:
    """What the file says now."""

    def __init__(self, path: Path) -> None:
        """Raise ConfigurationError where it cannot be used."""
        self._path = path
        self._lock = threading.Lock()
        self.web = load_web(path)
        tls = self.web.tls_server_config
        self._newest = None if tls is None else make_context(tls)
        self._signature = self._look(self.web)
        self.context = None if self._newest is None else _handing_on(self._newest, self)

    def refresh(self) -> Web:
        """What the file says, read again if it or one that it names has changed."""
        with self._lock:
            signature = self._look(self.web)
            if signature != self._signature:
                self._signature = signature
                try:
                    self._take(load_web(self._path))
                except ConfigurationError as error:
                    log.error("the old --web.config.file stays in use: %s", error)  # noqa: TRY400  # the text says it all
                else:
                    log.info("%s and its certificates are read again", self._path)
                    self._signature = self._look(self.web)
            return self.web

    def newest(self) -> ssl.SSLContext | None:
        """The context with the certificates as they are now."""
        self.refresh()
        return self._newest

    def _take(self, web: Web) -> None:
        before, now = self.web.tls_server_config, web.tls_server_config
        if (before is None) != (now is None):
            raise ConfigurationError(f"{self._path}: turning TLS on or off needs a restart")
        if before is not None and now is not None:
            if _asks_clients(before) != _asks_clients(now):
                raise ConfigurationError(
                    f"{self._path}: asking clients for other certificates needs a restart"
                )
            self._newest = make_context(now)
        self.web = web

    def _look(self, web: Web) -> _Signature:
        tls = web.tls_server_config
        named = () if tls is None else (tls.cert_file, tls.key_file, tls.client_ca_file)
        found = []
        for path in (self._path, *(path for path in named if path is not None)):
            try:
                status = path.stat()
            except OSError:
                found.append((str(path), 0, 0, 0))
            else:
                found.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(found)


def _asks_clients(tls: TlsServer) -> tuple[object, ...]:
    """What a connection takes from the context that it begins with."""
    return tls.client_auth_type, tls.client_ca_file, tls.min_version, tls.max_version, tls.cipher_suites


def _handing_on(context: ssl.SSLContext, file: WebFile) -> ssl.SSLContext:
    """The context, each of whose connections takes the newest certificate."""

    def hand_on(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        newest = file.newest()
        if newest is not None:
            connection.context = newest

    context.sni_callback = hand_on
    return context
