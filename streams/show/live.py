"""A live session: viewers come, react, order and go, one action at a time."""

from functools import partial
from typing import Any

from streams.show.orders import Orders
from streams.show.people import Buyer
from streams.show.private_pool import PrivatePool
from streams.show.stage import Stage
from streams.show.truth import SessionTruth
from streams.show.wire import MINUTE
from streams.show.world import COMMENTS, ITEMS, NAMED_IN_ORDERS, SCENES, TRAFFIC, Room, source_of

_PRESENT_MAX = 400
_CLICKS_MAX = 64


class Session:
    """One broadcast. Keeps who is present and the last clicks; both bounded."""

    def __init__(self, stage: Stage, room: Room, session_id: str, pool: PrivatePool, orders: Orders) -> None:
        self.room = room
        self.session_id = session_id
        self.busy_until = 0
        self._stage = stage
        self._pool = pool
        self._orders = orders
        self._source = source_of(room.carrier, "live")
        self._present: list[Buyer] = []
        self._clicks: list[tuple[Buyer, str]] = []
        self._item = ITEMS[0][0]
        self._crew = room.crews[0]
        self._counts = SessionTruth(room.carrier)

    def start(self, now: int) -> None:
        """The broadcast begins with the room's first crew."""
        room = self.room
        data: dict[str, Any] = {
            "session_id": self.session_id,
            "room_id": room.room_id,
            "carrier": room.carrier,
            "anchor_ids": list(self._crew),
            "store_ids": list(room.store_ids),
            "title": room.title,
        }
        if room.weights:
            data["store_weights"] = dict(zip(room.store_ids, room.weights, strict=True))
        if self._stage.wire.send("live.session.started", self._source, now, data):
            self._stage.truth.sessions[self.session_id] = self._counts

    def change_anchors(self, crew: tuple[str, ...], now: int) -> None:
        """Other people are on air from now on."""
        self._crew = crew
        self._send("live.anchors.changed", now, {"anchor_ids": list(crew)})

    def end(self, now: int) -> None:
        """The broadcast ends; whoever is present just stops watching."""
        self._counts.ended = self._send("live.session.ended", now, {})
        for buyer in self._present:
            self._stage.people.leave(buyer)
        self._present.clear()
        self._pool.forget(self.session_id)

    def enter(self, now: int) -> None:
        """Somebody comes in, unless the room is full: then somebody goes."""
        if len(self._present) >= _PRESENT_MAX:
            return self.leave(now)
        stage, random = self._stage, self._stage.random
        buyer = stage.people.enter(self.room.carrier)
        data: dict[str, Any] = {"traffic": stage.pick(TRAFFIC)}
        if self.room.carrier.startswith("wechat_"):
            data["scene"] = stage.pick(SCENES)
        luck = random()
        if luck < 0.06:
            sharer_id, token = self._pool.sharer(now)
            data |= {"sharer_id": sharer_id} if luck < 0.04 else {"token": token}
        elif luck < 0.08:
            data["token"] = self._pool.token("live_group", self._store(), "", self.session_id, now)
        if self._says("live.viewer.entered", buyer, now, data):
            self._counts.views += 1
        self._present.append(buyer)
        return None

    def leave(self, now: int) -> None:
        """Somebody goes; one in three without telling."""
        if not self._present:
            return self.enter(now)
        present = self._present
        n = int(self._stage.random() * len(present))
        present[n], present[-1] = present[-1], present[n]
        buyer = present.pop()
        if self._stage.random() < 0.67:
            self._says("live.viewer.left", buyer, now, {})
        self._stage.people.leave(buyer)
        return None

    def like(self, now: int) -> None:
        """Likes come in handfuls."""
        count = 1 + int(self._stage.random() * 9)
        if self._present and self._says("live.viewer.liked", self._someone(), now, {"count": count}):
            self._counts.likes += count

    def comment(self, now: int) -> None:
        """A comment; its text is a field that nobody reads."""
        data = {"content": self._stage.pick(COMMENTS)}
        if self._present and self._says("live.viewer.commented", self._someone(), now, data):
            self._counts.comments += 1

    def share_room(self, now: int) -> None:
        """A viewer shares the room."""
        if self._present and self._says("live.viewer.shared", self._someone(), now, {}):
            self._counts.shares += 1

    def follow(self, now: int) -> None:
        """A viewer follows the room."""
        if self._present and self._says("live.viewer.followed", self._someone(), now, {}):
            self._counts.follows += 1

    def join_fan_club(self, now: int) -> None:
        """A viewer joins the fan club."""
        if self._present and self._says("live.viewer.joined_fan_club", self._someone(), now, {}):
            self._counts.fan_club_joins += 1

    def explain(self, now: int) -> None:
        """The anchor turns to the next item: the room wakes up."""
        item_id, title, _ = self._stage.pick(ITEMS)
        self._item = item_id
        self.busy_until = now + MINUTE
        self._send("live.product.explained", now, {"item_id": item_id, "title": title})

    def click(self, now: int) -> None:
        """A viewer opens an item, mostly the one that is being explained."""
        self._look("live.product.clicked", now)

    def cart(self, now: int) -> None:
        """A viewer puts an item into the cart."""
        self._look("live.product.carted", now)

    def scan(self, now: int) -> None:
        """A viewer scans a code or taps a guide's card, and may buy outside the room a little later."""
        if not self._present:
            return
        buyer, store_id = self._someone(), self._store()
        if self._stage.random() < 0.8:
            self._pool.scan(buyer, now, self.session_id, store_id)
        else:
            self._pool.meet(buyer, store_id, now)
        if self._stage.random() < 0.2:
            carrier = self._stage.pick(("youzan", "wechat_mini_program", "store_pos"))
            buy = partial(self._buy_outside, buyer, carrier, store_id)
            self._stage.later(now + self._stage.between(MINUTE, 20 * MINUTE), buy)

    def open_share(self, now: int) -> None:
        """Somebody opens a shared link, without coming in yet."""
        self._pool.share(self._stage.people.passer_by(), "wechat_channels", now, self.session_id)

    def order(self, now: int) -> None:
        """A viewer orders, most of them what they clicked last; some go to the merchant's own shop."""
        if not self._present:
            return
        stage, room = self._stage, self.room
        buyer, item_id = self._someone(), self._item
        if self._clicks and stage.random() < 0.7:
            buyer, item_id = stage.pick(self._clicks)
        carrier = room.carrier
        if carrier.startswith("wechat_") and stage.random() < 0.3:
            carrier = "youzan"
        self._orders.place(buyer, carrier, now, item_id, self._named(now))

    def _buy_outside(self, buyer: Buyer, carrier: str, store_id: str, now: int) -> None:
        self._orders.place(buyer, carrier, now, self._item, {"line": {"seller_store_id": store_id}})

    def _named(self, now: int) -> dict[str, Any]:
        """What the order says itself about session, room, anchor, stores, token and sharer."""
        random = self._stage.random
        line: dict[str, str] = {}
        session, room, anchor = NAMED_IN_ORDERS.get(self.room.carrier, (0.0, 0.0, 0.0))
        if random() < session:
            line["session_id"] = self.session_id if random() < 0.99 else "unknown-session"
        if random() < room:
            line["room_id"] = self.room.room_id
        if random() < anchor:
            line["anchor_id"] = self._crew[0]
        if random() < 0.9:
            line["seller_store_id"] = self._store()
        if random() < 0.08:
            line["credit_store_id"] = self._store()
        extra: dict[str, Any] = {"line": line}
        luck = random()
        if luck < 0.04:
            extra["token"] = self._pool.token("live_group", self._store(), "", self.session_id, now)
        elif luck < 0.08:
            sharer_id, token = self._pool.sharer(now)
            extra |= {"sharer_id": sharer_id} if luck < 0.06 else {"token": token}
        return extra

    def _look(self, kind: str, now: int) -> None:
        if not self._present:
            return
        buyer = self._someone()
        item_id = self._item if self._stage.random() < 0.7 else self._stage.pick(ITEMS)[0]
        if self._says(kind, buyer, now, {"item_id": item_id}):
            self._counts.product_clicks += 1
        if len(self._clicks) < _CLICKS_MAX:
            self._clicks.append((buyer, item_id))
        else:
            self._clicks[int(self._stage.random() * _CLICKS_MAX)] = (buyer, item_id)

    def _says(self, kind: str, buyer: Buyer, now: int, data: dict[str, Any]) -> bool:
        return self._send(kind, now, {"ids": buyer.known[self.room.carrier], **data})

    def _send(self, kind: str, now: int, data: dict[str, Any]) -> bool:
        return self._stage.wire.send(kind, self._source, now, {"session_id": self.session_id, **data})

    def _someone(self) -> Buyer:
        return self._present[int(self._stage.random() * len(self._present))]

    def _store(self) -> str:
        return self._stage.pick(self.room.store_ids)
