"""Tables of the state. A change of them needs a new ``VERSION`` and a step (in ``STEPS``) towards it."""

APPLICATION = 0x44524654
"""What SQLite keeps in the file's header to tell whose it is: DRFT."""

VERSION = 4

TABLES = {
    "model": 1,
    "version": 1,
    "series": 1,
    "slice": 1,
    "file": 1,
    "ids": 1,
    "mark": 2,
    "sample": 3,
    "run": 4,
    "chunk": 4,
}
"""The tables, and the version of the schema that brought each."""

_MARK = """
CREATE TABLE mark (
    model TEXT NOT NULL REFERENCES model ON DELETE CASCADE,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (model, key)
) STRICT;
"""

_SAMPLE = """
CREATE TABLE sample (
    series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    "window" INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "limit" INTEGER NOT NULL,
    keys BLOB NOT NULL,
    "values" BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (series, "window", start)
) STRICT;
"""

_RUN = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL REFERENCES model ON DELETE CASCADE,
    side TEXT NOT NULL,
    number INTEGER NOT NULL,
    layout TEXT NOT NULL,
    rows INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    firsts BLOB NOT NULL,
    lasts BLOB NOT NULL,
    filter BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (model, side, number)
) STRICT;
CREATE TABLE chunk (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) STRICT;
"""

STEPS = {1: _MARK, 2: _SAMPLE, 3: _RUN}
"""What leads from a version to the next."""

# Neither value comes from outside.
SCHEMA = f"""
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE model (
    name TEXT PRIMARY KEY,
    saved REAL NOT NULL,
    counters TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE version (
    model TEXT NOT NULL REFERENCES model ON DELETE CASCADE,
    version TEXT NOT NULL,
    number INTEGER NOT NULL,
    counters TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (model, version)
) STRICT;
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL REFERENCES model ON DELETE CASCADE,
    version TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    counts BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    began REAL NOT NULL,
    UNIQUE (model, version, fingerprint)
) STRICT;
CREATE TABLE slice (
    series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    "window" INTEGER NOT NULL,
    start INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    counts BLOB NOT NULL,
    sums BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (series, "window", start)
) STRICT;
CREATE TABLE file (
    model TEXT NOT NULL REFERENCES model ON DELETE CASCADE,
    serial INTEGER NOT NULL,
    path BLOB NOT NULL,
    device TEXT NOT NULL,
    inode TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    head_length INTEGER NOT NULL,
    head BLOB NOT NULL,
    tail_length INTEGER NOT NULL,
    tail BLOB NOT NULL,
    header BLOB NOT NULL,
    known_size INTEGER NOT NULL,
    finished_size INTEGER,
    finished_time REAL,
    newest INTEGER,
    gone INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    gone_at REAL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (model, serial)
) STRICT;
CREATE TABLE ids (
    model TEXT NOT NULL REFERENCES model ON DELETE CASCADE,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (model, number)
) STRICT;
{_MARK}
{_SAMPLE}
{_RUN}
"""
