"""Folds records into the read model, in the transaction of the caller: whatever the chunks, the end is the same.

Of compacted topics the last record of a key holds, and a tombstone leaves nothing. So of a chunk only the last of each
key is taken, and what compaction has removed before is not missed.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from streams.core.credits import NONE
from streams.core.messages import RoomCard, RoomDetail
from streams.core.packing import Unpacker, pack
from streams.core.policy import MINUTE_MS
from streams.topology import VIEWED
from streams.transport.batches import Record
from streams.views import sales as folding
from streams.views.sales import Sale, Sum, Sums

LETTERS_KEPT_MS = 60 * MINUTE_MS  # by the minute; their total for ever
EVER = -1  # the minute of a total
UNKNOWN = b"unknown"  # the reason of a letter that has none: somebody else wrote it


class _Envelope(msgspec.Struct, gc=False):
    data: msgspec.Raw


class Profile(msgspec.Struct, frozen=True, gc=False):
    """What the page may show of a buyer: no identifiers, nothing about guides (spec §5 has more)."""

    buyer_id: str
    stage: str
    tags: list[str]
    home_store_id: str | None
    sessions_seen: int
    first_seen: str
    last_seen: str
    orders: int
    net_fen: int
    last_order_at: str | None


class _ProfileEnvelope(msgspec.Struct, gc=False):
    data: Profile


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_PROFILE = msgspec.json.Decoder(_ProfileEnvelope)
_ENCODE = msgspec.json.Encoder().encode
SALE = msgspec.json.Decoder(Sale)
SUM: Unpacker[Sum] = Unpacker(Sum)
_DETAIL: Unpacker[RoomDetail] = Unpacker(RoomDetail)
_DATETIMES = (-62_135_000_000_000, 253_402_000_000_000)  # within the years that `datetime` knows in every zone


def days_of(zone: ZoneInfo) -> Callable[[int], str]:
    """The day of a moment (UTC ms) in a time zone."""

    @lru_cache(maxsize=4096)
    def of_minute(minute: int) -> str:
        seconds = min(max(minute * MINUTE_MS, _DATETIMES[0]), _DATETIMES[1]) / 1000
        return datetime.fromtimestamp(seconds, UTC).astimezone(zone).strftime("%Y-%m-%d")

    return lambda ms: of_minute(ms // MINUTE_MS)


class Fold:
    """Takes records into one database."""

    def __init__(self, database: sqlite3.Connection, zone: ZoneInfo) -> None:
        self._database = database
        self._day_of = days_of(zone)

    def take(self, records: Iterable[Record]) -> None:
        """Fold records that were not taken yet, each partition's in order, and their offsets with them."""
        last: dict[str, dict[bytes, bytes | None]] = {topic: {} for topic in VIEWED}
        letters: list[Record] = []
        next_offsets: dict[tuple[str, int], int] = {}
        for record in records:
            next_offsets[record.topic, record.partition] = record.offset + 1
            if record.topic == "dead-letters":
                letters.append(record)
            else:
                last[record.topic][record.key or b""] = record.value
        touched = {
            *self._metrics(last["room-metrics"]),
            *self._details(last["room-details"]),
            *self._sales(last["attributed-sales"]),
        }
        self._profiles(last["pool-feedback"])
        self._letters(letters)
        self._database.executemany(
            "REPLACE INTO offsets VALUES (?, ?, ?)", [(*tp, offset) for tp, offset in next_offsets.items()]
        )
        self._mark(touched)

    def _mark(self, touched: Iterable[str]) -> None:
        """Give the transaction a number, which is the version of what it touched."""
        (version,) = self._database.execute(
            "INSERT INTO meta VALUES ('version', 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value"
        ).fetchone()
        self._database.executemany(
            "INSERT INTO sessions (session_id, version) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET version = excluded.version",
            [(session_id, version) for session_id in touched],
        )

    def _metrics(self, last: Mapping[bytes, bytes | None]) -> Sequence[str]:
        rows = [(key.decode(), bytes(_ENVELOPE.decode(value).data)) for key, value in last.items() if value]
        self._database.executemany(
            "INSERT INTO sessions (session_id, version, snapshot) VALUES (?, 0, ?)"
            " ON CONFLICT DO UPDATE SET snapshot = excluded.snapshot",
            rows,
        )
        return [session_id for session_id, _ in rows]

    def _details(self, last: Mapping[bytes, bytes | None]) -> Sequence[str]:
        details = [_DETAIL(value) for value in last.values() if value]
        self._database.executemany(
            "INSERT INTO sessions (session_id, version, card) VALUES (?, 0, ?)"
            " ON CONFLICT DO UPDATE SET card = excluded.card",
            [(detail.session_id, pack(detail)) for detail in details if isinstance(detail, RoomCard)],
        )
        self._database.executemany(
            "REPLACE INTO online VALUES (?, ?, ?)",
            [
                (detail.session_id, detail.minute, detail.change)
                for detail in details
                if not isinstance(detail, RoomCard)
            ],
        )
        return [detail.session_id for detail in details]

    # --- sales -----------------------------------------------------------------------------------------------

    def _sales(self, last: Mapping[bytes, bytes | None]) -> Iterable[str]:
        """An order's sales are taken together: what they add now, less what they added before."""
        orders: dict[str, dict[str, bytes | None]] = {}
        for key, value in last.items():
            sale_id = key.decode()
            data = None if value is None else bytes(_ENVELOPE.decode(value).data)
            orders.setdefault(order_of(sale_id), {})[sale_id] = data
        change: Sums = {}
        for order, new in orders.items():
            before = self._order(order)
            after = dict(before)
            for sale_id, data in new.items():
                after.pop(sale_id, None)
                if data is not None:
                    after[sale_id] = SALE.decode(data)
                self._put(sale_id, data, before.get(sale_id), after.get(sale_id))
            folding.change(change, folding.of_order(before.values(), self._day_of), -1)
            folding.change(change, folding.of_order(after.values(), self._day_of), 1)
        self._add(change)
        # A revision that adds the same may still say something else: by another rule, of another buyer.
        return {group.session_id for group in change if group.session_id}

    def _order(self, order: str) -> dict[str, Sale]:
        """The sales of an order: their ids go on with `:`, which no other order's do."""
        rows = self._database.execute(
            "SELECT sale_id, data FROM sales WHERE sale_id > ? AND sale_id < ?", (f"{order}:", f"{order};")
        )
        return {sale_id: SALE.decode(data) for sale_id, data in rows}

    def _put(self, sale_id: str, data: bytes | None, before: Sale | None, after: Sale | None) -> None:
        if after is None:
            self._database.execute("DELETE FROM sales WHERE sale_id = ?", (sale_id,))
        else:
            self._database.execute(
                "INSERT INTO sales VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET session_id = excluded.session_id,"
                " buyer_id = excluded.buyer_id, placed = excluded.placed, data = excluded.data",
                (sale_id, after.session_id, after.buyer_id, after.placed_ms, data),
            )
        was, now = _shares(before), _shares(after)
        self._database.executemany(
            "DELETE FROM shares WHERE store_id = ? AND session_id = ? AND sale_id = ?", was - now
        )
        self._database.executemany("INSERT INTO shares VALUES (?, ?, ?)", now - was)

    def _add(self, change: Sums) -> None:
        for group, more in change.items():
            if not more:
                continue
            row = self._database.execute(_SUM_OF, group).fetchone()
            found = Sum() if row is None else SUM(row[0])
            found.add(more)
            if found:
                self._database.execute("REPLACE INTO sums VALUES (?, ?, ?, ?, ?)", (*group, pack(found)))
            else:
                self._database.execute(_DROP_SUM, group)

    # --- the rest --------------------------------------------------------------------------------------------

    def _profiles(self, last: Mapping[bytes, bytes | None]) -> None:
        rows = [(_ENCODE(_PROFILE.decode(value).data), key.decode()) for key, value in last.items() if value]
        self._database.executemany(
            "INSERT INTO buyers (profile, buyer_id) VALUES (?, ?) ON CONFLICT DO UPDATE SET profile = excluded.profile",
            rows,
        )
        self._database.executemany(
            "DELETE FROM buyers WHERE buyer_id = ?", [(key.decode(),) for key, value in last.items() if value is None]
        )

    def _letters(self, letters: Sequence[Record]) -> None:
        if not letters:
            return
        counts: Counter[tuple[str, int]] = Counter()
        for letter in letters:
            # Livepool's own headers come first; a sender may have some of the same names.
            reason = (dict(reversed(letter.headers)).get("reason") or UNKNOWN).decode(errors="replace")
            counts[reason, letter.timestamp // MINUTE_MS * MINUTE_MS] += 1
            counts[reason, EVER] += 1
        self._database.executemany(
            "INSERT INTO letters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(*key, count) for key, count in counts.items()],
        )
        self._database.execute(
            "DELETE FROM letters WHERE minute != ? AND minute < (SELECT max(minute) FROM letters) - ?",
            (EVER, LETTERS_KEPT_MS),
        )


_SUM_OF = "SELECT value FROM sums WHERE session_id = ? AND kind = ? AND day = ? AND party = ?"
_DROP_SUM = "DELETE FROM sums WHERE session_id = ? AND kind = ? AND day = ? AND party = ?"


def order_of(sale_id: str) -> str:
    """`carrier:order_id` of a `sale_id` (spec §1; a `:` inside is percent-encoded)."""
    return sale_id.rpartition(":")[0]


def _shares(sale: Sale | None) -> set[tuple[str, str, str]]:
    """Which stores have a part of a sale, in which session ("": in none)."""
    if sale is None:
        return set()
    return {(store, sale.session_id or "", sale.sale_id) for store in sale.credits("store") if store != NONE}
