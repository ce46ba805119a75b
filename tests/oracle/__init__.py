"""The contract read a second time, as plainly as we can: all of it recomputed from all input at once.

It shares no code with what we ship. `READINGS.md` lists where the contract leaves a choice.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from . import envelope
from .contract import Refused
from .details import details
from .envelope import Event
from .identity import Buyer, Identity
from .orders import Orders
from .policy import load
from .profiles import profile
from .rooms import rooms
from .sales import Decider, Sale, sales_of

__all__ = ["Outcome", "run"]
Ledger = dict[tuple[str, str, str], int]


@dataclass
class Outcome:
    """What a replay of the input ends in; the shapes are those of spec §5, §6 and §9."""

    sales: dict[str, dict[str, Any]]  # sale_id -> `sale.attributed` without revision
    ledger: Ledger  # (sale_id, dimension, party_id) -> net fen, zeros left out
    profiles: dict[str, dict[str, Any]]  # buyer_id -> `buyer.profile` without reason
    rooms: dict[str, dict[str, Any]]  # session_id -> `room.snapshot`
    details: dict[str, dict[str, Any]]  # session_id -> what it is, who was online; not part of the contract
    dead_letters: list[dict[str, Any]]  # reason, topic, offset, payload, in the order they arose
    duplicates: int  # repeats of an event, and events set aside for the first of their order or refund


class Intake:
    """Takes lines in order of arrival; keeps what was accepted and what was not."""

    def __init__(self) -> None:
        self.identity, self.orders = Identity(), Orders()
        self.dead_letters: list[dict[str, Any]] = []
        self.repeats = 0
        self._seen: dict[tuple[str, str], Event] = {}

    def take(self, offset: int, raw: bytes) -> None:
        try:
            event = envelope.decode(offset, raw)
            if self._is_repeat(event):
                self.repeats += 1
                return
            if not self.identity.admit(event):
                raise Refused("identity_too_large")  # noqa: TRY301
        except Refused as refused:
            self._bury(refused.reason, offset, raw)
            return
        self._seen[event.source, event.id] = event
        for refund in self.orders.add(event):
            self._bury("refund_exceeds_paid", refund.offset, refund.raw)

    def _is_repeat(self, event: Event) -> bool:
        first = self._seen.get((event.source, event.id))
        if first and first.content != event.content:
            raise Refused("id_conflict")
        return first is not None

    def _bury(self, reason: str, offset: int, raw: bytes) -> None:
        topic, payload = envelope.topic_of(raw), raw.decode(errors="replace")
        self.dead_letters.append({"reason": reason, "topic": topic, "offset": offset, "payload": payload})


def run(lines: list[bytes], policy: dict[str, Any] | None = None) -> Outcome:
    """Return the outcome of the lines in order of arrival, under the given keys of a policy file."""
    rules = load(policy)
    intake = Intake()
    for offset, raw in enumerate(lines):
        if raw.strip():
            intake.take(offset, raw.removesuffix(b"\n"))
    decider = Decider(intake.identity, rules)
    arrived = intake.identity.arrived
    people = [b for b in dict.fromkeys(intake.identity.people(len(arrived)).values()) if b.events]
    sales = sales_of(intake.orders, decider)
    registry = decider.registry(len(arrived))
    bought: dict[Buyer, list[Sale]] = defaultdict(list)
    for sale in sales:
        bought[sale.buyer].append(sale)
    return Outcome(
        sales={s.sale_id: s.shown(rules) for s in sales},
        ledger=ledger(sales),
        profiles={b.buyer_id: profile(b, bought[b], registry) for b in people if not b.erased},
        rooms=rooms(people, intake.orders, decider, sales),
        details=dict(details(people, decider)),
        dead_letters=intake.dead_letters,
        duplicates=intake.repeats + intake.orders.duplicates,
    )


def ledger(sales: list[Sale]) -> Ledger:
    sums: Ledger = Counter()
    for sale in sales:
        for dimension, credit in sale.remains.items():
            for party, fen in credit.items():
                sums[sale.sale_id, dimension, party] += fen
    return {key: fen for key, fen in sums.items() if fen}
