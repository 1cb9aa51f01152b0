"""Where things are: what links in notifications begin with, and who is asked or scraped."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from drift_exporter.errors import ConfigurationError

_TARGET = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}")
_PORTS = {"http": 80, "https": 443}
_RUNBOOKS = "/user/runbooks"


@dataclass(frozen=True)
class Addresses:
    """Addresses as they were given; None and empty mean that none was."""

    grafana: str | None = None
    exporter: str | None = None
    runbooks: str | None = None
    prometheus: str | None = None
    alertmanager: str | None = None
    targets: tuple[str, ...] = ()

    @property
    def links(self) -> dict[str, str]:
        """What each kind of link begins with; by default all is on this machine."""
        prometheus = self.prometheus or "http://localhost:9090"
        return {
            "grafana": self.grafana or "http://localhost:3000",
            "exporter": self.exporter or "http://localhost:10101",
            "runbooks": self.runbooks or prometheus + _RUNBOOKS,
        }

    @property
    def scheme(self) -> str:
        """How exporters are scraped."""
        return urlsplit(self.links["exporter"]).scheme

    @property
    def scraped(self) -> tuple[str, ...]:
        """``host:port`` of the exporters; by default the one that links lead to."""
        if self.targets:
            return self.targets
        if self.exporter is None:
            return ("127.0.0.1:10101",)
        parts = urlsplit(self.exporter)
        if parts.path:
            raise ConfigurationError(
                f"--exporter-url {self.exporter} has a path, so Prometheus reaches the exporter elsewhere; "
                "name that by --scrape-target HOST:PORT"
            )
        return (f"{parts.netloc}" if parts.port else f"{parts.netloc}:{_PORTS[parts.scheme]}",)

    def updated(self, newer: "Addresses") -> "Addresses":
        """With what the newer ones give in the place of these."""
        return Addresses(**{**asdict(self), **{k: v for k, v in asdict(newer).items() if v}})


def addresses_of(given: Mapping[str, object]) -> Addresses:
    """Checked addresses of options by their names; raises ConfigurationError."""
    urls = {name: _url(name, given.get(name)) for name in Addresses.__dataclass_fields__ if name != "targets"}
    targets = given.get("targets") or ()
    if not isinstance(targets, list | tuple):
        raise ConfigurationError(f"targets {targets!r}: a list is wanted")
    for target in targets:
        if not isinstance(target, str) or not _TARGET.fullmatch(target):
            raise ConfigurationError(
                f"--scrape-target {target}: not HOST:PORT, such as models.example.org:10101"
            )
    return Addresses(**urls, targets=tuple(targets))


def _url(name: str, value: object) -> str | None:
    if value is None:
        return None
    option = f"--{name}-url {value}"
    try:
        parts = urlsplit(str(value))
        fine = parts.scheme in _PORTS and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or re.search(r"[\s?#'\"{}]", str(value)):
        raise ConfigurationError(f"{option}: not a URL, such as https://{name}.example.org")
    if "@" in parts.netloc:
        raise ConfigurationError(f"{option}: holds credentials; leave them out, it is written into files")
    return str(value).rstrip("/")
