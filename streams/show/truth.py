"""What a correct system must find in a show: only what is known by construction, never an attribution."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class SessionTruth:
    """Counts of one session that do not depend on who the viewers are, named as in `room.snapshot`."""

    carrier: str
    ended: bool = False
    views: int = 0
    comments: int = 0
    likes: int = 0
    shares: int = 0
    follows: int = 0
    fan_club_joins: int = 0
    product_clicks: int = 0


@dataclass(slots=True)
class Truth:
    """Filled by `generate`; complete once its iterator is exhausted. Money in fen.

    `lines` = `accepted` + `duplicates` + all dead letters. `by_type` counts the accepted events.
    `repeats` are accepted events that pay or refund a second time under a new event id: they change
    nothing, and a system counts them as duplicates as well. `sales` are paid lines.
    `refunds_waiting` are refunds of orders that are never paid.
    """

    lines: int = 0
    accepted: int = 0
    duplicates: int = 0
    repeats: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)
    orders_placed: int = 0
    orders_paid: int = 0
    sales: int = 0
    units: int = 0
    gmv_created_fen: int = 0
    gmv_paid_fen: int = 0
    refunded_fen: int = 0
    refunds_waiting: int = 0
    net_fen_by_carrier: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, SessionTruth] = field(default_factory=dict)

    @property
    def gmv_net_fen(self) -> int:
        """Paid less refunded, fen: the sum of the ledger in each dimension."""
        return self.gmv_paid_fen - self.refunded_fen

    def count(self, kind: str) -> None:
        """One accepted event of this type."""
        self.accepted += 1
        self.by_type[kind] = self.by_type.get(kind, 0) + 1

    def reject(self, reason: str) -> None:
        """One line that must become a dead letter for this reason."""
        self.dead_letters[reason] = self.dead_letters.get(reason, 0) + 1

    def move(self, carrier: str, fen: int) -> None:
        """Money of a carrier's sales: positive when paid, negative when refunded."""
        if fen < 0:
            self.refunded_fen -= fen
        else:
            self.gmv_paid_fen += fen
        self.net_fen_by_carrier[carrier] = self.net_fen_by_carrier.get(carrier, 0) + fen

    def as_dict(self) -> dict[str, Any]:
        """Plain dict for JSON, `gmv_net_fen` included."""
        return {**asdict(self), "gmv_net_fen": self.gmv_net_fen}
