"""What a buyer keeps of its past outside itself, and what the hot part has to know of it. See `archive`."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import msgspec

Tick = tuple[int, int]  # (time, seq) of an event that was later than all before it


class Stay(NamedTuple):
    """When a viewer was in a session: from the first event to the last; present until before `end`. All in ms."""

    first: int
    last: int
    end: int


class Cold(msgspec.Struct, array_like=True):
    """Of the frozen facts, ticks and tallies: every fact earlier than `before` (ms; None: nothing is frozen)."""

    before: int | None = None
    chunks: int = 0
    newest: dict[str, int] = {}  # mark -> the number of the newest chunk that has it; those of items have rows
    # mark -> chunks a, b: of those from a down to b, b not, none tells anything
    silent: dict[str, tuple[int, int]] = {}
    stays: dict[str, Stay] = {}  # session_id -> the stay that goes on if the next event comes by its end
    last_visit: tuple[int, str, str, str] | None = None  # -time, source, id, session_id of a viewer or product event
    first_share: tuple[int, str, str, str | None] | None = None  # time, source, id, sharer_id
    tallies: int = 0  # how many
    sessions: int = 0  # of the tallies, those with a viewer or product event

    def has(self, since: int | None) -> bool:
        """May anything from `since` on (ms; None: anything) be frozen."""
        return self.before is not None and (since is None or since < self.before)


class ColdOrders(msgspec.Struct, array_like=True):
    """Of the frozen views: sums for the profile, bounds, and the orders that are not final yet."""

    views: int = 0
    orders: int = 0  # that are paid
    bought: int = 0  # of these with a net amount above 0
    net_fen: int = 0
    tags: dict[str, int] = {}  # tag -> orders that have it
    last_order: int | None = None  # the greatest placed_at of the paid ones
    last_final: int | None = None  # and of the final ones
    first: tuple[int, str, str] | None = None  # of the paid ones the least, as first orders are ordered
    last: int | None = None  # the greatest placed_at of all
    closed: int | None = None  # those are final since that were placed before this
    open: dict[int, tuple[int, int]] = {}  # hour of placed_at -> views that are not final, and the greatest placed_at


class Rows(Protocol):
    """Rows of any kind by key, which the caller keeps."""

    def get(self, key: str, /) -> Any:
        """The row of a key; None: there is none."""

    def __setitem__(self, key: str, row: Any, /) -> None: ...

    def __delitem__(self, key: str, /) -> None: ...

    def under(self, prefix: str, /) -> Iterable[str]:
        """Every key that begins so."""


def rows_of(buyer_id: str) -> str:
    """How the keys of all rows of one buyer begin, and of no other: an id has no space in it."""
    return f"{buyer_id} "


class RowDict(dict[str, Any]):
    """Rows in memory."""

    def under(self, prefix: str) -> Iterable[str]:
        """Every key that begins so."""
        return [key for key in self if key.startswith(prefix)]
