"""Schemas of messages, asked of a schema registry (Confluent's interface, which others have too)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from drift_exporter.errors import SourceError
from drift_exporter.sources.secret_file import read_secret

_TIMEOUT = 5.0
_SUBJECT_UNKNOWN, _VERSION_UNKNOWN, _SCHEMA_UNKNOWN = 40401, 40402, 40403


class UnknownSchemaError(ValueError):
    """The registry answered that it does not know a schema."""


@dataclass
class Registry:
    """A schema registry at ``url``; ``password_file`` is read for each question, so it may change.

    After a question that failed, none is asked for ``pause`` seconds: the answer is the same error.
    """

    url: str
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    pause: float = 1.0
    clock: Callable[[], float] = time.monotonic
    _failed: tuple[float, str] | None = field(default=None, init=False)

    def schema(self, number: int) -> tuple[str, str, list[str]]:
        """Kind (such as AVRO), text, and the texts of the schemas it refers to, in order of their use.

        Raises UnknownSchemaError where the registry does not know it, SourceError where it cannot tell now.
        """
        document = self._get(f"/schemas/ids/{number}")
        texts: dict[tuple[str, int], str] = {}
        self._collect(document.get("references") or [], texts)
        return document.get("schemaType") or "AVRO", document["schema"], list(texts.values())

    def _collect(self, references: list[dict[str, Any]], texts: dict[tuple[str, int], str]) -> None:
        for reference in references:
            key = reference["subject"], reference["version"]
            if key not in texts:
                document = self._get(f"/subjects/{quote(key[0], safe='')}/versions/{key[1]}")
                self._collect(document.get("references") or [], texts)
                texts[key] = document["schema"]

    def _get(self, path: str) -> dict[str, Any]:
        if self._failed is not None and self.clock() < self._failed[0] + self.pause:
            raise SourceError(self._failed[1])
        try:
            document = self._ask(path)
        except SourceError as error:
            self._failed = self.clock(), str(error)
            raise
        self._failed = None
        return document

    def _ask(self, path: str) -> dict[str, Any]:
        import requests  # noqa: PLC0415  # heavy, and few need it

        named = f"schema registry {self.url}"
        try:
            answer = requests.get(
                self.url + path,
                auth=self._credentials(),
                verify=True if self.ca_file is None else str(self.ca_file),
                headers={"Accept": "application/vnd.schemaregistry.v1+json, application/json"},
                timeout=_TIMEOUT,
            )
        except (requests.RequestException, OSError) as error:
            raise SourceError(
                f"{named} cannot be asked: {_cause(error)}; messages wait until it answers"
            ) from error
        try:
            document = answer.json()
        except ValueError:
            document = None
        code = document.get("error_code") if isinstance(document, dict) else None
        if code in {_SUBJECT_UNKNOWN, _VERSION_UNKNOWN, _SCHEMA_UNKNOWN}:
            raise UnknownSchemaError(f"{path} is not known to the {named}")
        if not answer.ok or not isinstance(document, dict) or not isinstance(document.get("schema"), str):
            said = answer.text[:200].replace("\n", " ")
            raise SourceError(f"{named} answered {answer.status_code} to {path}: {said}; messages wait")
        return document

    def _credentials(self) -> tuple[str, str] | None:
        if self.user is None or self.password_file is None:
            return None
        return self.user, read_secret(self.password_file, "schema_registry_password_file")


def _cause(error: BaseException) -> str:
    """The innermost reason: what a client library says around it holds addresses of objects."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__
