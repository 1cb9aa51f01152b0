"""What an HTTP source is told: whom to ask, and how to go on from one answer to the next."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

Kind = Literal["document", "cursor", "since", "link", "range"]


@dataclass(frozen=True)
class Way:
    """How to go on from one answer to the next.

    ``parameter`` of the query tells the server where to go on. ``field`` is the path to what is sent there:
    in a JSON page for ``cursor`` and ``link``, in a record for ``since``. ``header`` of the answer holds it
    instead; for ``link`` it is the relation of the link. ``start`` is sent first, if anything is.
    ``overlap`` (seconds) is how far back ``since`` reaches.
    """

    kind: Kind = "document"
    parameter: str = ""
    field: tuple[str, ...] | None = None
    header: str = ""
    start: str | None = None
    overlap: float = 0.0


@dataclass(frozen=True)
class Server:
    """Whom to ask, and with what. Files are read when they are needed. ``timeout`` is in seconds."""

    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    header_files: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    hosts: Sequence[str] = ()


@dataclass(frozen=True)
class Options:
    """All of it.

    ``records`` is the path to the array in a JSON page, and ``page`` the largest size of one in bytes.
    ``interval`` (seconds) is how long to wait where there was nothing new.
    """

    server: Server
    format: Literal["ndjson", "json", "csv"] = "ndjson"
    records: tuple[str, ...] = ()
    way: Way = field(default_factory=Way)
    interval: float = 15.0
    page: int = 16 << 20

    @property
    def origin(self) -> str:
        """The same for all options under which a place in the answers means the same."""
        way = self.way
        parts = [self.server.url, self.format, self.records, way.kind, way.parameter, way.field, way.header]
        return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
