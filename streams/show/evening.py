"""The show: evenings one after another, each followed by a day of visits to the stores."""

from bisect import bisect
from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from math import log

from streams.show.live import Session
from streams.show.orders import Orders
from streams.show.private_pool import PrivatePool
from streams.show.scenes import Scenes
from streams.show.stage import Stage
from streams.show.truth import Truth
from streams.show.wire import DAY, HOUR, SECOND
from streams.show.world import ITEMS, ROOMS, STORES

LINES_PER_EVENING = 50_000
"""More lines make more evenings, not busier ones."""

_LIVE = (
    (Session.enter, 190),
    (Session.leave, 90),
    (Session.like, 280),
    (Session.comment, 150),
    (Session.click, 170),
    (Session.cart, 50),
    (Session.share_room, 12),
    (Session.follow, 20),
    (Session.join_fan_club, 8),
    (Session.explain, 5),
    (Session.scan, 24),
    (Session.open_share, 12),
)
_ORDERS = 38
_ORDERS_HEAVY = 480
_SHARE_BROKEN = 0.0033
_SHARE_UNLINKED = 0.0001
_RARE_SCENES_FROM = 4_000
"""An evening with fewer lines has no crowd and no deletion request."""

# Rounded, so that the last bit of a platform's logarithm does not change the show.
_GAPS = tuple(round(-log((n + 0.5) / 1024), 3) for n in range(1024))


def generate(
    events: int, seed: int, start: int, truth: Truth | None = None, *, orders_heavy: bool = False
) -> Iterator[bytes]:
    """Exactly `events` NDJSON lines (without newline) in order of arrival; same arguments, same bytes.

    `start` is the UTC time in ms at which the first evening begins. `truth`, a fresh one, is filled on
    the way. Memory does not grow with `events`, but for the counts that `truth` keeps per session.
    """
    show = Show(events, seed, truth or Truth(), orders_heavy)
    wire = show.stage.wire
    for now in show.play(start):
        yield from wire.arrived(now)
    yield from wire.rest()


class Show:
    """Plays a show on a stage; `play` yields the time after each step."""

    def __init__(self, events: int, seed: int, truth: Truth, orders_heavy: bool) -> None:
        self.stage = Stage(events, seed, truth)
        self._pool = PrivatePool(self.stage)
        self._orders = Orders(self.stage)
        self._scenes = Scenes(self.stage)
        actions = (*_LIVE, (Session.order, _ORDERS_HEAVY if orders_heavy else _ORDERS))
        self._actions = tuple(action for action, _ in actions)
        self._odds = list(accumulate(weight for _, weight in actions))

    def play(self, start: int) -> Iterator[int]:
        """All evenings and days, until the lines are used up."""
        wire = self.stage.wire
        evenings = max(1, -(-wire.left // LINES_PER_EVENING))
        for evening in range(evenings):
            begins = start + evening * DAY
            quota = wire.left // (evenings - evening)
            rooms = min(len(ROOMS), max(3, quota // 600))
            length = min(3 * HOUR, max(HOUR // 2, quota * SECOND))
            sessions = [self._open(n, evening, begins, length) for n in range(rooms)]
            # The rest is for what comes after the show; `rooms` lines are for the ends of the sessions.
            yield from self._evening(sessions, begins, length, wire.left - quota + quota // 25 + rooms)
            last = evening == evenings - 1
            yield from self._day(begins + length, begins + DAY, quota // 25 if last else quota // 100, last)

    def _open(self, n: int, evening: int, begins: int, length: int) -> Session:
        """A session whose crew will change twice, and that starts within the first minutes."""
        stage, room = self.stage, ROOMS[n]
        session_id = f"{room.room_id}-{evening + 1:04d}"
        session = Session(stage, room, session_id, self._pool, self._orders)
        stage.later(begins + n * 10 * SECOND, session.start)
        for part, crew in enumerate((*room.crews[1:], room.crews[0])[:2], start=1):
            stage.later(begins + part * length // 3, partial(session.change_anchors, crew))
        return session

    def _evening(self, sessions: list[Session], begins: int, length: int, reserve: int) -> Iterator[int]:
        stage, wire = self.stage, self.stage.wire
        random, actions, odds, ends = stage.random, self._actions, self._odds, begins + length
        slowest = 3 * length // max(1, wire.left - reserve)
        if wire.left - reserve > _RARE_SCENES_FROM:
            stage.later(begins + length // 3, self._scenes.crowd)
            stage.later(begins + length // 2, self._scenes.erase)
        now = begins
        while wire.left > reserve:
            # The first room has four in ten of the audience.
            session = sessions[0] if random() < 0.4 else stage.pick(sessions)
            mean = min(slowest, max(0.0, (ends - now) / (wire.left - reserve)))
            now += int(mean * _GAPS[int(random() * 1024)] * (0.6 if session.busy_until > now else 1.1))
            stage.play_until(now)
            actions[bisect(odds, random() * odds[-1])](session, now)
            luck = random()
            if luck < _SHARE_BROKEN:
                self._scenes.break_event(now)
            elif luck > 1 - _SHARE_UNLINKED:
                self._scenes.unlink(now)
            yield now
        for session in sessions:
            session.end(now)
        yield now

    def _day(self, begins: int, ends: int, visits: int, last: bool) -> Iterator[int]:
        """Payments and refunds as they come, visits to stores in between; the last day uses up the lines."""
        stage, wire = self.stage, self.stage.wire
        now = begins
        gap = (ends - begins) // (visits + 1)
        while wire.left and (last or now + gap < ends):
            now += gap
            for due in stage.appointments(now):
                stage.play_until(due)
                yield due
            self._visit(now)
            yield now
        for due in () if last else stage.appointments(ends):
            stage.play_until(due)
            yield due

    def _visit(self, now: int) -> None:
        """Somebody comes into a store: buys, scans a code, meets a guide, or opens a link at home."""
        stage, store_id = self.stage, self.stage.pick(STORES)
        buyer = stage.people.passer_by()
        luck = stage.random()
        if luck < 0.4:
            carrier = stage.pick(("store_pos", "store_pos", "youzan", "wechat_mini_program"))
            line = {"line": {"seller_store_id": store_id}}
            self._orders.place(buyer, carrier, now, stage.pick(ITEMS)[0], line)
        elif luck < 0.7:
            self._pool.scan(buyer, now, None, store_id)
        elif luck < 0.85:
            self._pool.meet(buyer, store_id, now)
        else:
            self._pool.share(buyer, "wechat_mini_program", now, None)
