"""What every server that is asked needs: its URL, headers, and whom to trust."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic.functional_validators import AfterValidator

from drift_exporter.config.fieldtypes import Text
from drift_exporter.config.mask import mask_text
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import Part, refuse

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADER = re.compile(
    r"authorization|cookie|(?:api|access|secret|private)[_-]?key|token|secret|password|signature",
    re.IGNORECASE,
)
_OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "transfer-encoding",
        "upgrade",
    }
)


def checked_url(value: str, example: str) -> str:
    """Refuse what is no URL that can be asked, or holds what does not belong there."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reading it is what raises
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    shown = shorten(mask_text(value), 200)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", value):
        raise refuse(f"{shown} is no URL that can be asked; write one such as {example}")
    if "@" in parts.netloc:
        raise refuse(f"{shown} holds credentials; put them into a file named in header_files")
    if parts.fragment:
        raise refuse(f"{shown} has a part after #, which no server sees; remove it")
    return value


def _header_name(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise refuse(f"{shorten(value)} cannot be the name of a header; write one such as X-Team")
    if value.lower() in _OWN_HEADERS:
        raise refuse(f"{shorten(value)} is set as each request needs it; remove it")
    return value


def _header_text(value: str) -> str:
    if not value.isascii():
        raise refuse(f"{shorten(value)} cannot be sent in a header; use ASCII characters")
    return value


def _open_header(value: str) -> str:
    if _SECRET_HEADER.search(value):
        raise refuse(f"{shorten(value)} is a secret; put it into a file and name that in header_files")
    return value


HeaderName = Annotated[Text, AfterValidator(_header_name)]
OpenHeaderName = Annotated[HeaderName, AfterValidator(_open_header)]
HeaderText = Annotated[Text, AfterValidator(_header_text)]


def twice_named(headers: Mapping[str, str], header_files: Mapping[str, Path]) -> Iterator[Part]:
    """Headers whose values stand in the configuration and in a file, too."""
    lower = {name.lower() for name in headers}
    yield from (
        (("header_files", name), "is in headers, too; write it once")
        for name in header_files
        if name.lower() in lower
    )


def useless_files(url_key: str, url: str, files: Mapping[str, Path | None]) -> Iterator[Part]:
    """Files that no request would use. ``url_key`` is what the configuration calls the URL."""
    if files["key_file"] is not None and files["certificate_file"] is None:
        yield ("key_file",), "belongs to no certificate; add certificate_file"
    if urlsplit(url).scheme == "http":
        for key in ("ca_file", "certificate_file"):
            if files[key] is not None:
                yield (key,), f"has no use without TLS; write {url_key} with https"
