"""What the read model knows, asked for: sessions, sums, sales, buyers, dead letters. One thread at a time.

A scope is the set of stores that somebody may see; None: everything. What another store's is, is not there.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from streams.core.credits import NONE
from streams.core.messages import RoomCard, RoomDetail
from streams.core.packing import Unpacker
from streams.core.policy import MINUTE_MS
from streams.views import sales as folding
from streams.views.database import connect_readonly
from streams.views.fold import EVER, SALE, SUM, Profile, days_of
from streams.views.sales import Sale, Sum, Sums, seen_by

Scope: TypeAlias = frozenset[str] | None
Json: TypeAlias = dict[str, Any]

_CARD: Unpacker[RoomDetail] = Unpacker(RoomDetail)
_PROFILE = msgspec.json.Decoder(Profile)
_LETTERS_MS = 10 * MINUTE_MS
_SUMS_KEPT = 2000  # more than a list has sessions: each second it goes through all of them
_AMONG = "IN (SELECT value FROM json_each(?))"
_SHARED = (
    "AND sale_id IN (SELECT sale_id FROM shares WHERE session_id = ? AND store_id IN (SELECT value FROM json_each(?)))"
)


class Session(NamedTuple):
    """A session that has started and has numbers; `snapshot` is JSON, the data of `room.snapshot`."""

    card: RoomCard
    version: int
    snapshot: bytes


class SaleRow(NamedTuple):
    """A sale with the data that was published; `placed` in UTC ms."""

    placed: int
    sale: Sale
    data: bytes


class Reads:
    """Answers from one connection."""

    def __init__(self, home: Path, zone: ZoneInfo) -> None:
        self._database = connect_readonly(home)
        self._day_of = days_of(zone)
        self._seen_sums: OrderedDict[tuple[str, frozenset[str]], tuple[int, Sums]] = OrderedDict()

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Answer as of one moment inside the block."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("COMMIT")

    # --- sessions --------------------------------------------------------------------------------------------

    def session(self, session_id: str) -> Session | None:
        """A session that has a card and numbers; None: not known (yet)."""
        row = self._database.execute(
            "SELECT card, version, snapshot FROM sessions WHERE session_id = ?", (session_id,)
        ).fetchone()
        return _session(row) if row and row[0] and row[2] else None

    def sessions(self) -> list[Session]:
        """All of them, live ones first, then the newest first."""
        rows = self._database.execute(
            "SELECT card, version, snapshot FROM sessions WHERE card IS NOT NULL AND snapshot IS NOT NULL"
        )
        return sorted(
            map(_session, rows),
            key=lambda session: (session.card.ended is not None, -session.card.started, session.card.session_id),
        )

    def version(self) -> int:
        """Grows with every change."""
        row = self._database.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        return row[0] if row else 0

    def has_sales(self, session_id: str, stores: frozenset[str]) -> bool:
        """Has one of these stores a part of a sale of a session."""
        row = self._database.execute(
            f"SELECT 1 FROM shares WHERE session_id = ? AND store_id {_AMONG} LIMIT 1",  # noqa: S608 - a constant
            (session_id, _list(stores)),
        ).fetchone()
        return row is not None

    def has_others(self, session_id: str, stores: frozenset[str]) -> bool:
        """Has a store that is none of these a part of a sale of a session."""
        row = self._database.execute(
            f"SELECT 1 FROM sums WHERE session_id = ? AND kind = 'store' AND party NOT {_AMONG} LIMIT 1",  # noqa: S608
            (session_id, _list(stores | {NONE})),
        ).fetchone()
        return row is not None

    def online(self, session_id: str) -> dict[int, int]:
        """Whole minute (ms) -> by how much the number online changes then."""
        return dict(self._database.execute("SELECT minute, change FROM online WHERE session_id = ?", (session_id,)))

    # --- sums ------------------------------------------------------------------------------------------------

    def sums(self, session_id: str, scope: Scope, version: int) -> dict[str, dict[str, Sum]]:
        """Kind -> party -> sum of a session, as the scope sees its sales."""
        if scope is None:
            rows = self._database.execute("SELECT kind, party, value FROM sums WHERE session_id = ?", (session_id,))
            return _by_kind((kind, party, SUM(value)) for kind, party, value in rows)
        found = self._seen(session_id, scope, version)
        return _by_kind((group.kind, group.party, value) for group, value in found.items())

    def _seen(self, session_id: str, stores: frozenset[str], version: int) -> Sums:
        """Added up from the sales (of a session, "": of all) that these stores have a part of; kept while they stay."""
        key = session_id, stores
        kept = self._seen_sums.pop(key, None)
        if kept is None or kept[0] != version:
            sums = self._sums_of_shared(session_id, stores)
            kept = version, {group: value for group, value in sums.items() if group.session_id == session_id}
        self._seen_sums[key] = kept
        while len(self._seen_sums) > _SUMS_KEPT:
            self._seen_sums.popitem(last=False)
        return kept[1]

    def parties(self, kind: str, day: str, scope: Scope) -> dict[str, Sum]:
        """Party -> sum over all sales of a day ("": of all days); to a scope its own stores, and what they sold."""
        if scope is None:
            rows = self._database.execute(
                "SELECT party, value FROM sums WHERE session_id = '' AND kind = ? AND day = ?", (kind, day)
            )
            return {party: SUM(value) for party, value in rows}
        if kind == "store":
            rows = self._database.execute(
                f"SELECT party, value FROM sums WHERE session_id = '' AND kind = ? AND day = ? AND party {_AMONG}",  # noqa: S608
                (kind, day, _list(scope)),
            )
            return {party: SUM(value) for party, value in rows}
        return {
            group.party: value
            for group, value in self._seen("", scope, self.version()).items()
            if (group.kind, group.day) == (kind, day)
        }

    def letters(self, now_ms: int) -> tuple[dict[str, int], dict[str, int]]:
        """Reason -> dead letters of the last ten minutes (by whole minutes), and of all time."""
        since = (now_ms - _LETTERS_MS) // MINUTE_MS * MINUTE_MS
        recent: dict[str, int] = {}
        ever: dict[str, int] = {}
        for reason, minute, count in self._database.execute(
            "SELECT reason, minute, count FROM letters WHERE minute = ? OR minute > ? ORDER BY reason", (EVER, since)
        ):
            found = ever if minute == EVER else recent
            found[reason] = found.get(reason, 0) + count
        return recent, ever

    # --- sales and buyers ------------------------------------------------------------------------------------

    def sale(self, sale_id: str) -> SaleRow | None:
        """One sale."""
        row = self._database.execute("SELECT placed, data FROM sales WHERE sale_id = ?", (sale_id,)).fetchone()
        return _sale(*row) if row else None

    def sales_of_session(self, session_id: str, scope: Scope, before: tuple[int, str] | None) -> Iterator[SaleRow]:
        """The sales of a session, those placed last first, of one moment by id downwards; `before`: from there on."""
        placed, sale_id = before or (1 << 62, "")
        own: tuple[str, ...] = () if scope is None else (session_id, _list(scope))
        rows = self._database.execute(
            f"SELECT placed, data FROM sales WHERE session_id = ? AND (placed, sale_id) < (?, ?)"  # noqa: S608
            f" {_SHARED if own else ''} ORDER BY placed DESC, sale_id DESC",
            (session_id, placed, sale_id, *own),
        )
        return (_sale(*row) for row in rows)

    def sales_of_buyer(self, buyer_id: str) -> Iterator[SaleRow]:
        """The sales of a buyer, those placed last first."""
        rows = self._database.execute(
            "SELECT placed, data FROM sales WHERE buyer_id = ? ORDER BY placed DESC, sale_id DESC", (buyer_id,)
        )
        return (_sale(*row) for row in rows)

    def buyer(self, buyer_id: str) -> Profile | None:
        """The profile of a buyer, as far as it is to be seen."""
        row = self._database.execute("SELECT profile FROM buyers WHERE buyer_id = ?", (buyer_id,)).fetchone()
        return _PROFILE.decode(row[0]) if row else None

    def _sums_of_shared(self, session_id: str, stores: frozenset[str]) -> Sums:
        """What these stores were credited of the sales (of a session, "": of all) that they have a part of."""
        orders: dict[str, list[Sale]] = {}
        for row in self._shared(session_id, stores):
            if sale := seen_by(row.sale, stores):
                orders.setdefault(f"{sale.carrier}:{sale.order_id}", []).append(sale)
        sums: Sums = {}
        for sales in orders.values():
            folding.change(sums, folding.of_order(sales, self._day_of), 1)
        return sums

    def _shared(self, session_id: str, stores: frozenset[str]) -> Iterator[SaleRow]:
        of_session = (session_id,) if session_id else ()
        rows = self._database.execute(
            f"SELECT placed, data FROM sales WHERE sale_id IN (SELECT sale_id FROM shares WHERE store_id {_AMONG}"  # noqa: S608
            f" {'AND session_id = ?' if of_session else ''})",
            (_list(stores), *of_session),
        )
        return (_sale(*row) for row in rows)


def _session(row: tuple[bytes, int, bytes]) -> Session:
    card = _CARD(row[0])
    assert isinstance(card, RoomCard)  # noqa: S101 - of the column of that name
    return Session(card, row[1], row[2])


def _sale(placed: int, data: bytes) -> SaleRow:
    return SaleRow(placed, SALE.decode(data), data)


def _by_kind(rows: Iterator[tuple[str, str, Sum]]) -> dict[str, dict[str, Sum]]:
    found: dict[str, dict[str, Sum]] = {}
    for kind, party, value in rows:
        found.setdefault(kind, {})[party] = value
    return found


def _list(stores: frozenset[str]) -> str:
    return msgspec.json.encode(sorted(stores)).decode()
