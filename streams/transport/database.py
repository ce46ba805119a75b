"""The SQLite file of the embedded transport: its schema, and how a connection is opened."""

import sqlite3
from pathlib import Path
from typing import Literal

Synchronous = Literal["FULL", "NORMAL", "OFF"]

FILE_NAME = "livepool.db"
SCHEMA_VERSION = 3
_WAIT_SECONDS = 30  # of a writer for the transaction of another process
_PRIMARY_CODE = 0xFF  # the part of SQLite's error codes that says what happened; the rest says where

# `rows.position` is the place of the row's first record in the order of all appends: SQLite has one
# writer at a time, so there is a total order over all topics, which Kafka cannot give.
# Blobs stand last: reading the columns before them does not touch their pages. A write does: so what changes (how many
# of a row's records are dead, since when it has tombstones) stands in `decay`; beside the blobs it made compaction four
# times as slow. `state` keeps its rowid: values of a kilobyte in the key's own tree made writes three times slower.
SCHEMA = """
CREATE TABLE topics (
  name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, compacted INTEGER NOT NULL, retention_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE partitions (
  id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
  next_offset INTEGER NOT NULL DEFAULT 0, indexed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, partition)
);
CREATE TABLE appends (next_position INTEGER NOT NULL);
INSERT INTO appends VALUES (0);
CREATE TABLE rows (
  position INTEGER PRIMARY KEY, partition_id INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  count INTEGER NOT NULL, timestamp INTEGER NOT NULL, records BLOB NOT NULL
);
CREATE INDEX rows_by_offset ON rows (partition_id, last);
CREATE TABLE decay (
  position INTEGER PRIMARY KEY, partition_id INTEGER NOT NULL, count INTEGER NOT NULL,
  dead INTEGER NOT NULL DEFAULT 0, dead_since INTEGER, tombstones_since INTEGER
);
CREATE INDEX decay_half ON decay (position) WHERE dead > 0 AND dead * 2 >= count;
CREATE INDEX decay_dead ON decay (dead_since) WHERE dead_since IS NOT NULL;
CREATE INDEX decay_tombstones ON decay (tombstones_since) WHERE tombstones_since IS NOT NULL;
CREATE TABLE latest (
  partition_id INTEGER NOT NULL, key BLOB NOT NULL, offset INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (partition_id, key)
) WITHOUT ROWID;
CREATE TABLE offsets (
  consumer_group TEXT NOT NULL, partition_id INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  PRIMARY KEY (consumer_group, partition_id)
) WITHOUT ROWID;
CREATE TABLE tables (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, partition INTEGER NOT NULL, UNIQUE (name, partition)
);
CREATE TABLE state (
  table_id INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (table_id, key)
);
"""


def connect(home: Path, synchronous: Synchronous, *, readonly: bool) -> sqlite3.Connection:
    """Open `home/livepool.db`, and create it unless `readonly`.

    Raises FileNotFoundError when a file to read is missing, ValueError for a file of another version.
    """
    path = home / FILE_NAME
    if readonly:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist: no worker has run here yet")
        database = _open(f"{path.resolve().as_uri()}?mode=ro")
    else:
        home.mkdir(parents=True, exist_ok=True)
        database = _open(path.resolve().as_uri())
        _create(database)
        database.execute(f"PRAGMA synchronous = {synchronous}")
        # Checkpoint every 32 MiB of WAL, and give the space of a larger one back.
        database.execute("PRAGMA wal_autocheckpoint = 8192")
        database.execute("PRAGMA journal_size_limit = 67108864")
    database.execute("PRAGMA cache_size = -65536")
    database.execute("PRAGMA mmap_size = 268435456")
    # A statement of many rows notes what it overwrites, to undo itself: in a file that was a third of all writes.
    database.execute("PRAGMA temp_store = MEMORY")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"{path} has version {version}, this program reads version {SCHEMA_VERSION}: go on with the program that"
            " wrote it, or choose another folder"
        )
    return database


def _open(uri: str) -> sqlite3.Connection:
    # Used by one thread at a time, though not always by the one that opened it.
    return sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)


def begin(database: sqlite3.Connection) -> None:
    """Begin a transaction that writes. Waits for those of other processes."""
    database.execute("BEGIN IMMEDIATE")


def begin_at_once(database: sqlite3.Connection) -> bool:
    """Begin a transaction that writes, unless another process is in one."""
    database.execute("PRAGMA busy_timeout = 0")
    try:
        begin(database)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY:
            raise
        return False
    finally:
        database.execute(f"PRAGMA busy_timeout = {1000 * _WAIT_SECONDS}")
    return True


def _create(database: sqlite3.Connection) -> None:
    if database.execute("PRAGMA user_version").fetchone() != (0,):
        return
    database.execute("PRAGMA journal_mode = WAL")
    with database:
        database.execute("BEGIN IMMEDIATE")
        # Another process may have created it while this one waited.
        if database.execute("PRAGMA user_version").fetchone() == (0,):
            for statement in SCHEMA.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
