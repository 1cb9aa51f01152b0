"""How a store is reached: which packages, options and credentials it takes."""

import asyncio
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drift_exporter.errors import SourceError
from drift_exporter.sources.objects.names import scheme_of

NEEDED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "s3": (("fsspec", "s3fs"), "s3"),
    "gs": (("fsspec", "gcsfs"), "gs"),
    "az": (("fsspec", "adlfs"), "az"),
    "http": (("fsspec", "aiohttp"), "http-objects"),
    "https": (("fsspec", "aiohttp"), "http-objects"),
}
"""By scheme: the modules that reach such a store, and the extra of this package that brings them."""

_OWN_OPTIONS = {"use_listings_cache": False, "skip_instance_cache": True, "asynchronous": True}
# Its own attempts would take minutes; we come again ourselves.
_S3_CLIENT = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}


def require(url: str) -> None:
    """Raise SourceError where the packages are not installed that reach the store of ``url``."""
    modules, extra = NEEDED.get(scheme_of(url), (("fsspec",), "objects"))
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise SourceError(
            f"{url}: {' and '.join(missing)} is not installed; pip install 'drift-exporter[{extra}]'"
        )


def connect(
    url: str, options: Mapping[str, Any], credentials: Mapping[str, Path], loop: asyncio.AbstractEventLoop
) -> Any:  # noqa: ANN401  # fsspec has no types
    """Make fsspec's file system for a URL; its coroutines are to run on ``loop``.

    Raises SourceError where a package is missing or a file of ``credentials`` cannot be read.
    """
    require(url)
    import fsspec  # noqa: PLC0415  # only where such a source is configured

    scheme = scheme_of(url)
    given = _with_credentials(options, credentials)
    kind = fsspec.get_filesystem_class(scheme)
    if not kind.async_impl:
        from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper  # noqa: PLC0415  # same

        return AsyncFileSystemWrapper(kind(skip_instance_cache=True, **given), asynchronous=True)
    if scheme == "s3":
        given["config_kwargs"] = _S3_CLIENT | given.get("config_kwargs", {})
    system = kind(**given | _OWN_OPTIONS, loop=loop)
    if scheme == "s3":
        # It would read on in the middle of an object that may be another by then.
        system.retries = 1
    return system


async def disconnect(system: Any) -> None:  # noqa: ANN401  # fsspec has no types
    """Close the connections of a file system. How is a matter of each: fsspec has no word for it."""
    session = getattr(system, "_session", None)
    if session is not None:
        await session.close()
    creator = getattr(system, "_s3creator", None)
    if creator is not None:
        await creator.__aexit__(None, None, None)
    client = getattr(system, "service_client", None)
    if client is not None:
        await client.close()


def _with_credentials(options: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """The options with what the files hold. Raises SourceError where a file cannot be read."""
    found = dict(options)
    for name, path in files.items():
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SourceError(f"credentials {name}: {path}: {reason}; name a readable file") from error
        inner = found
        *outer, last = name.split(".")
        for key in outer:
            inner[key] = dict(inner.get(key, {}))
            inner = inner[key]
        try:
            inner[last] = json.loads(text) if text.startswith("{") else text
        except ValueError as error:
            raise SourceError(f"credentials {name}: {path} begins as JSON and is none: {error}") from error
    return found
