"""What is said of timestamps that cannot be read, and forms of them that are configured."""

import duckdb

from drift_exporter.decode.plan import COMMON_LOG_FORM, literal
from drift_exporter.errors import ConfigurationError

_FORMS = "RFC 3339 nor epoch seconds, milliseconds or microseconds"


def unreadable(form: str | None = None) -> str:
    """What is wrong with a timestamp that cannot be read."""
    if form is not None:
        return f"the timestamp is not of the form {form} (predictions.fields.timestamp_format)"
    return f"the timestamp is neither {_FORMS}"


def absent_or_unreadable(form: str | None = None) -> str:
    """What is wrong with a timestamp that is not there or cannot be read."""
    if form is not None:
        return f"the timestamp is absent, or not of the form {form} (predictions.fields.timestamp_format)"
    return f"the timestamp is absent, or neither {_FORMS}"


def check_form(connection: duckdb.DuckDBPyConnection, form: str | None) -> None:
    """Refuse a form that DuckDB does not know. Raises ConfigurationError."""
    if form is None:
        return
    try:
        connection.execute(f"SELECT try_strptime('', {literal(form)})")
    except duckdb.Error as error:
        why = str(error).splitlines()[0].rpartition(": ")[2]
        raise ConfigurationError(
            f"predictions.fields.timestamp_format {form!r} cannot be used: {why}; write it as for "
            f"strptime, such as {COMMON_LOG_FORM}"
        ) from error
