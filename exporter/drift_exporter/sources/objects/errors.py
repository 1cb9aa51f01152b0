"""What goes wrong with an object store, in words that say what would be right."""

import errno
from itertools import chain

from drift_exporter.errors import DriftExporterError

_NETWORK = {
    "ServiceRequestError",
    "ServiceResponseError",
    "ConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ClientConnectionError",
}
_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "ClientAuthenticationError",
    "DefaultCredentialsError",
    "RefreshError",
}
_ADVICE = {
    "access denied": "check the credentials, and that they may list and read there",
    "no credentials": "give some by the environment, or name files of them under credentials",
    "not found": "check the URL",
    "cannot be reached": "check the address; tried again",
    "too many requests": "tried again later",
    "no space for a copy": "make room for the largest object",
}


def describe(error: BaseException) -> str:
    """What went wrong, what the store said, and what would help."""
    if isinstance(error, DriftExporterError):
        return str(error)
    kind = _kind(error)
    said = " ".join(str(error).split())[:300]
    if kind is None:
        return f"{type(error).__name__}: {said}" if said else type(error).__name__
    return f"{kind} ({said or type(error).__name__}); {_ADVICE[kind]}"


def _kind(error: BaseException) -> str | None:
    names = {each.__name__ for each in type(error).__mro__}
    # Of botocore, whose own errors come from some versions of s3fs.
    answer = getattr(error, "response", None)
    said = answer.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(answer, dict) else None
    # One after the other: to ask for the last one is deprecated where there is the first.
    codes = (getattr(error, name, None) for name in ("status", "status_code", "code"))
    status = next((code for code in chain([said], codes) if isinstance(code, int)), 0)
    tests = {
        "no credentials": bool(names & _CREDENTIALS),
        "access denied": isinstance(error, PermissionError) or status in {401, 403},
        "not found": isinstance(error, FileNotFoundError) or status in {404, 410},
        "too many requests": status == 429 or getattr(error, "errno", None) == errno.EBUSY,
        "cannot be reached": bool(names & _NETWORK) or isinstance(error, TimeoutError),
        "no space for a copy": getattr(error, "errno", None) == errno.ENOSPC,
    }
    return next((kind for kind, is_it in tests.items() if is_it), None)
