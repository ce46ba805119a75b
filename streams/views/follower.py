"""The thread that keeps a read model level with the topics, on one machine or on a cluster."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from zoneinfo import ZoneInfo

from streams.settings import Settings
from streams.views.database import connect, empty
from streams.views.feeds import Feed, feed_of
from streams.views.fold import Fold

LOOK_SECONDS = 0.2
RETRY_SECONDS = 5.0
STEADY_SECONDS = 2.0
MAX_RECORDS = 2000  # of a transaction
# Who was away for longer may have missed a deletion: tombstones are kept for a day (schemas.topics, compaction).
LONGEST_ABSENCE_MS = 20 * 3_600_000
NOTE_MS = 600_000  # how often it is noted that there was nothing
_LOG = logging.getLogger("livepool.views")


class Follower:
    """Keeps `views.sqlite` of a home level with the topics until it is stopped; what fails is said and tried again.

    `share` is how much CPU time it may take while it is behind: in a worker the agents are to have the rest.
    """

    def __init__(self, settings: Settings, *, share: float = 1.0) -> None:
        self._settings = settings
        self._pause = 1 / share - 1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="livepool-views", daemon=True)
        self._level_at: float | None = None  # monotonic, when it was last level with the topics
        self._short_since: float | None = None  # monotonic, since when no step took the most it may
        self.has_been_level = False  # since the model was begun: what it lacks before then may only not be read yet
        self.looked_at = 0  # UTC ms of the last look that found no more than it could take
        self.lag: int | None = None  # records that the agents have not processed; None: not known yet
        self.failure: str | None = None  # why it does not follow at the moment

    def start(self) -> None:
        """Begin; the file is there when this returns, so that it can be asked, unless it cannot be made."""
        with suppress(sqlite3.Error, OSError):  # the thread says it
            connect(self._settings.home).close()
        self._thread.start()

    def stop(self) -> None:
        """End after the transaction at work."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    @property
    def ready(self) -> bool:
        """Has the model been level with the topics since it was begun, and does it follow them."""
        return self.has_been_level and self.failure is None

    @property
    def behind_seconds(self) -> float | None:
        """For how long it has not been level with the topics, by a former model too; None: not since its start."""
        if self._level_at is None:
            return None
        return max(0.0, round(time.monotonic() - self._level_at - 2 * LOOK_SECONDS, 3))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with feed_of(self._settings) as feed, closing(connect(self._settings.home)) as database:
                    self._follow(feed, database)
            except Exception as error:
                if str(error) != self.failure:
                    _LOG.exception("the board does not follow: %s; tried again every %s s", error, RETRY_SECONDS)
                self.failure = str(error)
                self._stop.wait(RETRY_SECONDS)

    def _follow(self, feed: Feed, database: sqlite3.Connection) -> None:
        zone = self._settings.policy.timezone
        if begin(feed, database, zone):
            self.has_been_level = False
        fold = Fold(database, ZoneInfo(zone))
        self._short_since = None
        while not self._stop.is_set():
            begun, now = time.thread_time(), _now()
            took = step(feed, database, fold)
            self.lag = feed.lag()
            self.failure = None
            self._note(took, now)
            worked = time.thread_time() - begun
            self._stop.wait(worked * self._pause if took >= MAX_RECORDS else LOOK_SECONDS)

    def _note(self, took: int, begun: int) -> None:
        """Note how far a step that began at `begun` has come.

        One that took less than the most has found the end, but on Kafka perhaps only that of what the brokers had
        sent by then. So to have been level takes one that found nothing, or, since under a steady load there is always
        something new, that all were short for a while.
        """
        if took >= MAX_RECORDS:
            self._short_since = None
            return
        self.looked_at, self._level_at = begun, time.monotonic()
        self._short_since = self._short_since or self._level_at
        if took == 0 or self._level_at - self._short_since >= STEADY_SECONDS:
            self.has_been_level = True


def begin(feed: Feed, database: sqlite3.Connection, zone: str) -> bool:
    """Make the model anew when it cannot go on where it was: other topics, another time zone, too long away.

    Returns whether it did.
    """
    with transaction(database):
        meta = dict(database.execute("SELECT name, value FROM meta"))
        offsets = _offsets(database)
        ends = feed.ends()
        away = _now() - int(meta.get("looked_at", _now()))
        is_of_no_use = (
            meta.get("zone") != zone
            or away > LONGEST_ABSENCE_MS
            or any(offset > ends.get(tp, 0) for tp, offset in offsets.items())
        )
        if is_of_no_use:
            empty(database)
            database.execute("INSERT INTO meta VALUES ('zone', ?)", (zone,))
    return is_of_no_use


def step(feed: Feed, database: sqlite3.Connection, fold: Fold, most: int = MAX_RECORDS) -> int:
    """Take what has come, at most so many records; return how many were taken."""
    offsets = _offsets(database)
    records = feed.read(offsets, most)
    if not records and _now() < _looked_at(database) + NOTE_MS:
        return 0
    with transaction(database):
        if _offsets(database) == offsets:  # else another process has taken them
            if records:
                fold.take(records)
            database.execute("REPLACE INTO meta VALUES ('looked_at', ?)", (_now(),))
    return len(records)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing; waits for other processes first."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.rollback()
        raise
    database.commit()


def _offsets(database: sqlite3.Connection) -> dict[tuple[str, int], int]:
    return {(topic, partition): offset for topic, partition, offset in database.execute("SELECT * FROM offsets")}


def _looked_at(database: sqlite3.Connection) -> int:
    row = database.execute("SELECT value FROM meta WHERE name = 'looked_at'").fetchone()
    return row[0] if row else 0


def _now() -> int:
    return time.time_ns() // 1_000_000
