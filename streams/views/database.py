"""The SQLite file of the read model: its tables, and how a connection is opened."""

import logging
import sqlite3
from pathlib import Path

FILE_NAME = "views.sqlite"
SCHEMA_VERSION = 1
_LOG = logging.getLogger("livepool.views")

# `version`: the transaction of the read model that changed a session last. Amounts have any size, so sums are packed.
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE offsets (
  topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE sessions (session_id TEXT PRIMARY KEY, version INTEGER NOT NULL, card BLOB, snapshot BLOB);
CREATE INDEX sessions_by_version ON sessions (version);
CREATE TABLE online (
  session_id TEXT NOT NULL, minute INTEGER NOT NULL, change INTEGER NOT NULL, PRIMARY KEY (session_id, minute)
) WITHOUT ROWID;
CREATE TABLE sales (
  sale_id TEXT PRIMARY KEY, session_id TEXT, buyer_id TEXT NOT NULL, placed INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX sales_by_session ON sales (session_id, placed, sale_id);
CREATE INDEX sales_by_buyer ON sales (buyer_id, placed);
CREATE TABLE shares (
  store_id TEXT NOT NULL, session_id TEXT NOT NULL, sale_id TEXT NOT NULL, PRIMARY KEY (store_id, session_id, sale_id)
) WITHOUT ROWID;
CREATE TABLE sums (
  session_id TEXT NOT NULL, kind TEXT NOT NULL, day TEXT NOT NULL, party TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (session_id, kind, day, party)
) WITHOUT ROWID;
CREATE TABLE buyers (buyer_id TEXT PRIMARY KEY, profile BLOB NOT NULL);
CREATE TABLE letters (
  reason TEXT NOT NULL, minute INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (reason, minute)
) WITHOUT ROWID;
"""
TABLES = ("meta", "offsets", "sessions", "online", "sales", "shares", "sums", "buyers", "letters")


def connect(home: Path) -> sqlite3.Connection:
    """Open the read model of a home to write it; a file that cannot be used is made anew: it holds copies only."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / FILE_NAME
    try:
        return _open_writable(path)
    except sqlite3.OperationalError:
        raise  # locked, no disk, no right: not the file's fault
    except sqlite3.DatabaseError as error:
        _LOG.warning("%s: %s; it is made anew from the topics", path, error)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _open_writable(path)


def _open_writable(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    # A power cut may take the last transactions: rows and offsets together, so they are folded again.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA cache_size = -32768")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in (0, SCHEMA_VERSION):
        database.close()
        raise sqlite3.DatabaseError(f"it has version {version}, this program writes version {SCHEMA_VERSION}")
    if version == 0:
        with database:
            database.execute("BEGIN IMMEDIATE")
            if database.execute("PRAGMA user_version").fetchone() == (0,):  # nobody was quicker
                for statement in SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return database


def connect_readonly(home: Path) -> sqlite3.Connection:
    """Open the read model to read it, from any one thread at a time."""
    uri = f"{(home / FILE_NAME).resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False)


def empty(database: sqlite3.Connection) -> None:
    """Forget everything, in the caller's transaction; versions go on, so that nobody takes the new for the old."""
    kept = database.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    for table in TABLES:
        database.execute(f"DELETE FROM {table}")  # noqa: S608
    if kept:
        database.execute("INSERT INTO meta VALUES ('version', ?)", kept)
