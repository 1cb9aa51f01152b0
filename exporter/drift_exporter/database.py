"""DuckDB as a reader of files: connections with the settings that all of ours share."""

import duckdb

QUERY_ERRORS = (duckdb.Error, UnicodeDecodeError)
"""What a query raises. DuckDB cuts what it quotes at any byte, and a message cut inside a character cannot be
made a text of Python, which is then the error."""


def connect() -> duckdb.DuckDBPyConnection:
    """Open an in-memory database for reading.

    One thread: several chunks are decoded side by side instead, and rows keep the order of the file. No
    extension is ever fetched. Timestamps without an offset are UTC.
    """
    connection = duckdb.connect(
        config={
            "threads": 1,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": True,
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    # It would be written to stdout, into the metrics that are printed there.
    connection.execute("SET enable_progress_bar = false")
    # The file in memory changes under its name; nothing of it may be remembered.
    connection.execute("SET enable_external_file_cache = false")
    return connection
