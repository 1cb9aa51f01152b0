"""How far a server's answers were read, as it is stored."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from drift_exporter.errors import StateError
from drift_exporter.sources.position import NOTHING, Fingerprint


@dataclass(frozen=True)
class Place:
    """A page and how much of it was counted.

    ``target`` is what leads to the page: the cursor, the time or the URL; None at the very first. ``offset``
    counts bytes of its text (for JSON: of its records, one a line) and ``record`` the lines before it.
    ``fingerprint`` is that of all text before ``offset``, or of the last bytes before it where ranges are
    asked for; ``header`` is that of a CSV document. ``etag`` and ``last_modified`` are those of a page that
    was read to its end. ``total`` is the known size of a document of which ranges are asked for.
    """

    target: str | None = None
    offset: int = 0
    record: int = 0
    fingerprint: Fingerprint = NOTHING
    header: bytes = b""
    etag: str | None = None
    last_modified: str | None = None
    total: int | None = None

    def to_bytes(self, origin: str) -> bytes:
        """As it is stored, for the options of ``origin``."""
        return json.dumps(
            {
                "origin": origin,
                "target": self.target,
                "offset": self.offset,
                "record": self.record,
                "fingerprint": [self.fingerprint.length, self.fingerprint.digest.hex()],
                "header": base64.b64encode(self.header).decode(),
                "etag": self.etag,
                "last_modified": self.last_modified,
                "total": self.total,
            }
        ).encode()


def place_of(stored: bytes) -> tuple[str, Place]:
    """The origin and the place that were stored. Raises StateError where they cannot be read."""
    try:
        values: dict[str, Any] = json.loads(stored)
        origin = values.pop("origin")
        length, digest = values.pop("fingerprint")
        header = base64.b64decode(values.pop("header"))
        return origin, Place(fingerprint=Fingerprint(length, bytes.fromhex(digest)), header=header, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(
            f"the state holds a place in a server's answers that cannot be read ({error!r}); go on with the "
            "version that saved it, or begin anew with state reset"
        ) from error
