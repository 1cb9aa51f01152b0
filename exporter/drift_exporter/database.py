"""DuckDB as a reader of files: connections with the settings that all of ours share."""

import duckdb

QUERY_ERRORS = (duckdb.Error, UnicodeDecodeError)
"""What a query raises. DuckDB cuts what it quotes at any byte, and a message cut inside a character cannot be
made a text of Python, which is then the error."""


def connect(memory: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database for reading, which takes up to ``memory`` bytes where that is given.

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
    if memory is not None:
        connection.execute(f"SET memory_limit = '{memory // 1024}KiB'")
        # What does not fit is an error; nothing is written to a disk that we were not given.
        connection.execute("SET temp_directory = ''")
    return connection
