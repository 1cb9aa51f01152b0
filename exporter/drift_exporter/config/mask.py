"""Hiding secrets in what is shown to people."""

import re
from typing import Any

SECRET = "<secret>"  # noqa: S105 (what stands in place of a secret)
_SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:password|passwd|passphrase|secret|token|authorization|api_?key|credentials?|private_key)$",
    re.IGNORECASE,
)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")
# Below these keys stand names of the user's own fields and columns, not secrets.
_NAMES = frozenset({"fields", "columns"})


def mask_text(text: str) -> str:
    """The text with the credentials in its URLs hidden."""
    return _URL_CREDENTIALS.sub(f"{SECRET}@", text)


def mask(data: Any) -> Any:  # noqa: ANN401 (plain data of any shape)
    """A copy of plain data (mappings, lists, scalars) with secrets hidden, by the names of their keys."""
    if isinstance(data, dict):
        return {key: _masked_value(str(key), value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [mask(item) for item in data]
    return mask_text(data) if isinstance(data, str) else data


def _masked_value(key: str, value: Any) -> Any:  # noqa: ANN401 (plain data of any shape)
    if key in _NAMES:
        return value
    return SECRET if _SECRET_KEY.search(key) else mask(value)
