"""The DuckDB connection of a decoder."""

import duckdb


def connect() -> duckdb.DuckDBPyConnection:
    """Open an in-memory database for decoding.

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
    # The file in memory changes under its name; nothing of it may be remembered.
    connection.execute("SET enable_external_file_cache = false")
    return connection
