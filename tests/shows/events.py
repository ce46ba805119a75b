"""The events that small dense shows are made of: few names, and times at the edges of the rules."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .times import DAY, HOUR, MINUTE, START, TAIL, stamp

LOOKBACKS = (0, 1, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 20 * MINUTE, DAY, 7 * DAY)
PHONES = ("0" * 64, "f" * 64)
PEOPLE = (
    ("unionid", ("u1", "u2")),
    ("external_userid", ("w1", "w2")),
    ("phone_hash", PHONES),
    ("member_id", ("m1",)),
    ("openid", ("wx1:o1", "wx1:o2")),
    ("douyin_open_id", ("d1", "d2", "d3")),
    ("device_id", ("v1", "v2")),
)
HUB = ("external_userid", "phone_hash", "member_id", "openid", "douyin_open_id", "kuaishou_open_id",
       "jd_open_id", "taobao_open_uid", "youzan_user_id")  # fmt: skip
CARRIERS = ("douyin", "jd", "wechat_channels")
CHECKOUTS = (*CARRIERS, "store_pos", "youzan")
AMOUNTS = (0, 1, 2, 3, 100, 101, 9_999)
Data = dict[str, Any]


@dataclass
class Options:
    """What may happen in a show."""

    size: int | None = None  # events; None: any number from 5 to 80
    late: bool = False  # arrivals after the horizon of the order that they bear on
    malformed: bool = True  # a dead letter of every reason that decoding can give
    repeats: bool = True  # the same bytes, the same JSON in other words, another payload under one id
    unlinks: bool = True
    erasures: bool = True
    too_large: bool = False  # sets that outgrow 32 identifiers: which link is refused depends on the order


@dataclass
class Show:
    """Draws the events of one show."""

    rng: Random
    options: Options
    tail: bool = False
    count: int = 0
    placed: list[int] = field(default_factory=list)
    orders: list[tuple[str, str]] = field(default_factory=list)

    @property
    def apart(self) -> bool:
        """Whether events must not bear on the orders of the first part."""
        return self.tail and not self.options.late

    # -- what events are made of

    def pick(self, *choices: Any) -> Any:
        return choices[self.rng.randrange(len(choices))]

    def chance(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent

    def some(self, percent: int, **fields: Any) -> Data:
        """Return the fields that the dice keep."""
        return {name: value for name, value in fields.items() if self.chance(percent)}

    def name(self, kind: str, count: int) -> str:
        """Return one of a few names; the tail of a show has names of its own for what it refers to."""
        return f"{kind}9" if self.apart else f"{kind}{self.rng.randrange(count) + 1}"

    def session(self) -> str:
        return self.name("S", 3)

    def ids(self, least: str | None = None) -> dict[str, str]:
        names = [n for n, _ in PEOPLE if n != least]
        first = [least] if least else [self.pick(*names)]
        more = self.rng.sample(names, self.pick(0, 0, 0, 1, 1, 2)) if not self.apart else []
        values = dict(PEOPLE)
        return {name: self.pick(*values[name]) for name in [*first, *more]}

    def moment(self) -> int:
        """Return a time at an edge of a rule, or anywhere in the show."""
        if self.tail:
            return TAIL + self.pick(0, 1, MINUTE, 10 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR)
        if self.chance(25):
            return START + self.pick(-HOUR, -10 * MINUTE, -1, 0, 1, MINUTE, 3 * HOUR, 48 * HOUR)
        if self.chance(30):
            return START + self.rng.randrange(-90, 180) * MINUTE + self.pick(0, 0, 30_000)
        edge = self.pick(*self.placed) if self.placed else START
        extra = self.pick(-1, 0, 0, 1)
        return min(edge - self.pick(*LOOKBACKS) + extra, START + 48 * HOUR)

    def event(self, type_: str, time: int, **data: Any) -> Data:
        self.count += 1
        return {
            "specversion": "1.0",
            "id": f"{self.pick('a', 'b', 'c')}{self.count}",
            "source": self.pick("/douyin", "/wecom"),
            "type": type_,
            "time": stamp(time, self.pick(0, 0, 8)),
            "data": data,
        }

    # -- the kinds of events

    def started(self, session_id: str | None = None) -> Data:
        return self.event(
            "live.session.started",
            TAIL if self.tail else self.pick(START - HOUR, START - DAY, START - 10 * MINUTE, START, self.moment()),
            session_id=session_id or self.session(),
            room_id=self.name("R", 2),
            carrier=self.pick(*CARRIERS),
            anchor_ids=self.anchors(),
            **self.some(
                50,
                store_ids=self.pick([], ["T1"], ["T1", "T1"], ["T1", "T2"]),
                store_weights=self.pick({}, {"T1": 1}, {"T1": 1, "T2": 2}, {"T1": 0}, {"T3": 1, "T2": 1, "T1": 1}),
            ),
        )

    def anchors(self) -> list[str]:
        return self.pick([], ["A1"], ["A2"], ["A2", "A1"], ["A1", "A2", "A3"], ["A1", "A1"])

    def ended(self) -> Data:
        time = self.pick(START, START + HOUR, START + 2 * HOUR, self.moment())
        return self.event("live.session.ended", time if not self.tail else TAIL + HOUR, session_id=self.session())

    def anchors_changed(self) -> Data:
        data = {"session_id": self.session(), "anchor_ids": self.anchors()}
        return self.event("live.anchors.changed", self.moment(), **data)

    def viewer(self) -> Data:
        kind = self.pick("entered", "entered", "entered", "left", "commented", "liked", "shared", "followed",
                         "joined_fan_club")  # fmt: skip
        data = {"session_id": self.session(), "ids": self.ids()}
        if kind == "entered":
            data |= self.some(30, token=self.token(), sharer_id=self.name("H", 2), traffic="ads", scene="1047")
        elif kind != "left":
            data |= self.some(30, count=self.pick(1, 2, 5))
        return self.event(f"live.viewer.{kind}", self.moment(), **data)

    def product(self) -> Data:
        data = {"session_id": self.session(), "item_id": self.item()}
        kind = self.pick("explained", "clicked", "clicked", "carted")
        more = {} if kind == "explained" else {"ids": self.ids()}
        return self.event(f"live.product.{kind}", self.moment(), **data, **more)

    def item(self) -> str:
        return self.pick("I1", "I2")

    def token(self) -> str:
        return self.name("K", 3)

    def store(self) -> str:
        return self.pick("T1", "T2", "T3")

    def registered(self) -> Data:
        time = self.moment()
        names = self.some(
            60, store_id=self.store(), guide_id=self.pick("G1", "G2"), session_id=self.session(),
            sharer_id=self.name("H", 2),
        )  # fmt: skip
        expires = self.some(25, expires_at=stamp(self.pick(time - 1, time, time + DAY, START, START + HOUR)))
        return self.event("token.registered", time, token=self.token(), **names, **expires)

    def scanned(self) -> Data:
        data = self.some(40, token=self.token(), store_id=self.store(), session_id=self.session(), guide_id="G1")
        return self.event("scan.code.scanned", self.moment(), ids=self.ids(), **data)

    def shared(self) -> Data:
        data = {"ids": self.ids(), "sharer_id": self.name("H", 2)}
        return self.event("share.opened", self.moment(), **data, **self.some(50, session_id=self.session()))

    def contact(self) -> Data:
        kind = self.pick("added", "added", "removed")
        data = {"ids": self.ids("external_userid"), "guide_id": self.pick("G1", "G2")}
        more = self.some(50, store_id=self.store(), token=self.token())
        return self.event(f"pool.contact.{kind}", self.moment(), **data, **more)

    def group(self) -> Data:
        kind = self.pick("joined", "joined", "left")
        data = {"ids": self.ids(), "chat_id": self.pick("C1", "C2")}
        return self.event(f"pool.group.{kind}", self.moment(), **data, **self.some(30, token=self.token()))

    def order(self) -> Data:
        """Return an order placed or paid: several of each may exist, of one order or of others."""
        carrier, order_id = self.new_order() if self.chance(60) or not self.orders else self.pick(*self.orders)
        earliest = TAIL if self.apart or (self.tail and self.chance(50)) else START
        placed_at = earliest + self.pick(0, 1, MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR)
        self.placed.append(placed_at)
        time = placed_at + self.pick(0, 1, MINUTE, HOUR, *([TAIL - START] if self.options.late else []))
        lines = [self.line(f"L{number + 1}") for number in range(self.pick(1, 1, 2, 3))]
        return self.event(
            self.pick("order.placed", "order.paid", "order.paid"),
            time,
            order_id=order_id,
            carrier=carrier,
            ids=self.ids(),
            placed_at=stamp(placed_at),
            lines=lines,
            **self.some(25, token=self.token(), sharer_id=self.name("H", 2), kind="presale"),
        )

    def new_order(self) -> tuple[str, str]:
        number = len(self.orders) + 1
        found = (self.pick(*CHECKOUTS), f"O{number}" if number < 4 else f"o:{number}%")
        self.orders.append(found)
        return found

    def line(self, line_id: str) -> Data:
        return {
            "line_id": line_id,
            "item_id": self.item(),
            "quantity": self.pick(1, 2),
            "amount_fen": self.pick(*AMOUNTS),
            **self.some(
                12, seller_store_id=self.store(), credit_store_id=self.store(), session_id=self.session(),
                room_id=self.name("R", 3), anchor_id="A3",
            ),
        }  # fmt: skip

    def known_order(self) -> Data:
        carrier, order_id = self.pick(*self.orders) if self.orders else ("douyin", "O1")
        return {"order_id": order_id, "carrier": carrier}

    def refund(self) -> Data:
        amount = self.pick(1, 2, 3, 50, 100, 101, 20_000)
        data = {"refund_id": f"F{self.rng.randrange(5) + 1}", "amount_fen": amount, **self.known_order()}
        return self.event(
            "refund.succeeded", self.moment(), **data, **self.some(50, line_id=self.pick("L1", "L2", "L7"))
        )

    def amended(self) -> Data:
        lines = [{"line_id": line_id, "amount_fen": self.pick(*AMOUNTS)} for line_id in self.pick(["L1"], ["L2", "L9"])]
        return self.event("order.amended", self.moment(), **self.known_order(), lines=lines)

    def cancelled(self) -> Data:
        return self.event("order.cancelled", self.moment(), **self.known_order())

    def unlinked(self) -> Data:
        return self.event("identity.unlinked", self.moment(), ids_a=self.ids(), ids_b=self.ids())

    def erased(self) -> Data:
        return self.event("buyer.erased", self.moment(), ids=self.ids())

    def crowd(self) -> Iterator[Data]:
        """Yield entries of one person with ever more identifiers: the fourth makes too many."""
        for number in range(4):
            ids = {name: f"{number:064x}" if name == "phone_hash" else f"wx:{name}{number}" for name in HUB}
            data = {"session_id": self.session(), "ids": {"unionid": self.pick("u1", "u2"), **ids}}
            yield self.event("live.viewer.entered", self.moment(), **data)

    def any_event(self) -> Data:
        kinds = [self.viewer] * 6 + [self.order] * 5 + [self.scanned] * 3 + [self.registered] * 2 + [self.product] * 2
        kinds += [self.shared, self.contact, self.contact, self.group, self.refund, self.refund, self.refund]
        kinds += [self.started, self.ended, self.anchors_changed, self.cancelled]
        if not self.apart:  # what bears on orders of the first part belongs to the first part
            kinds += [self.amended]
            kinds += [self.unlinked] if self.options.unlinks else []
            kinds += [self.erased] if self.options.erasures and self.chance(30) else []
        return self.pick(*kinds)()

    def events(self, size: int) -> list[Data]:
        found = [self.started("S1"), self.started("S2"), self.order()]
        found += self.crowd() if self.options.too_large else []
        while len(found) < size - size // 5:
            found.append(self.any_event())
        self.tail = True
        self.orders = self.orders[-1:] if self.apart else self.orders
        tail_orders = len(found)
        while len(found) < size:
            event = self.any_event()
            if self.apart and event["type"].startswith("order.p"):  # orders of the tail are its own
                event["data"]["order_id"] = f"P{len(found) - tail_orders}"
            found.append(event)
        return found
