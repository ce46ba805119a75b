"""Rare scenes of a show: a shared phone, a couple unlinked, a deletion request, broken events."""

from typing import Any

from streams.show.faults import broken
from streams.show.people import Buyer
from streams.show.stage import Stage
from streams.show.wire import MINUTE, SECOND
from streams.show.world import ITEMS, STORES

_NEIGHBOURS = 36
_IDENTIFIERS_MAX = 32


class Scenes:
    """Plays rare scenes; what they prove must be certain, so accidents on the wire are left out."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._broken = 0

    def break_event(self, now: int) -> None:
        """A broken event of a random kind."""
        stage = self._stage
        self._broken += 1
        reason, payload = broken(stage.random(), self._broken, stage.wire.time(now))
        stage.wire.reject(payload, now, reason)

    def unlink(self, now: int) -> None:
        """A couple with one phone asks to be two people again."""
        for buyer in self._stage.people.idle[-50:]:
            partner = buyer.partner
            if partner and buyer.known and partner.known:
                ids_a, ids_b = (next(iter(one.known.values())) for one in (buyer, partner))
                data = {"ids_a": ids_a, "ids_b": ids_b}
                self._stage.wire.send("identity.unlinked", "livepool/desk", now, data)
                return

    def crowd(self, now: int) -> None:
        """One phone for a whole neighbourhood: each scan adds an identifier, those beyond 32 are refused.

        How many are refused does not depend on who arrives first.
        """
        stage = self._stage
        phone_hash = f"{stage.bits(256):064x}"
        for n in range(_NEIGHBOURS):
            ids = {"phone_hash": phone_hash, "member_id": f"n{stage.bits(96):024x}"}
            data = {"ids": ids, "store_id": STORES[0], "code_kind": "store"}
            event = ("scan.code.scanned", "store_pos/scan", now + n * 10 * SECOND, data)
            if n < _IDENTIFIERS_MAX - 1:
                stage.wire.deliver(event)
            else:
                stage.wire.refused(event, "identity_too_large")

    def erase(self, now: int) -> None:
        """Somebody scans, buys, becomes a contact, and asks to be deleted once all of it has arrived."""
        stage, truth = self._stage, self._stage.truth
        ids = {"member_id": f"e{stage.bits(96):024x}"}
        item_id, _, price = stage.pick(ITEMS)
        order: dict[str, Any] = {
            "order_id": f"POS:erased:{stage.bits(64)}",
            "carrier": "store_pos",
            "ids": ids,
            "placed_at": stage.wire.time(now),
            "lines": [{"line_id": "1", "item_id": item_id, "quantity": 1, "amount_fen": price}],
        }
        scan = {"ids": ids, "store_id": STORES[0]}
        contact = {"ids": {**stage.people.contact(Buyer()), **ids}, "guide_id": "guide_001_0"}
        stage.wire.deliver(("scan.code.scanned", "store_pos/scan", now - MINUTE, scan))
        if stage.wire.deliver(("order.placed", "store_pos/shop", now, order)):
            truth.orders_placed += 1
            truth.gmv_created_fen += price
        if stage.wire.deliver(("order.paid", "store_pos/shop", now + SECOND, order)):
            truth.orders_paid += 1
            truth.sales += 1
            truth.units += 1
            truth.move("store_pos", price)
        stage.wire.deliver(("pool.contact.added", "wecom/contact", now + MINUTE, contact))
        stage.wire.deliver(("buyer.erased", "livepool/desk", now + 5 * MINUTE, {"ids": ids}))
