"""Reads: arrivals. Keeps: events seen, sets of identifiers, orders. Writes: journeys, dead-letters."""

from bisect import bisect_left
from collections.abc import AsyncIterable, Iterable
from functools import lru_cache
from itertools import islice

from schemas.events import AnyEvent
from streams import telemetry
from streams.agents.dead_letters import letter
from streams.agents.partitions import Partitions
from streams.agents.shelf import Shelf
from streams.core.admission import Admission
from streams.core.identity import Person, buyer_id_of
from streams.core.intake import Arrived, Fuse, unpack_arrivals
from streams.core.messages import Message
from streams.core.order_events import order_key, refund_key
from streams.core.orders import Order
from streams.core.packing import pack
from streams.core.register import Arrival, RefundClaim, State
from streams.core.routing import routed
from streams.core.tally import APPENDED
from streams.settings import Settings
from streams.transport.batches import RecordBatch

GENERATION_MS = 48 * 3_600_000  # events are remembered for one to two generations, by the time of their append


class Identity:
    """Which events are new, whose they are, which order they belong to."""

    def __init__(self, settings: Settings) -> None:
        self.fuse = Fuse(settings.policy.bad_share, settings.policy.bad_window)
        self.stops = settings.bad_fuse
        self.partitions = Partitions(lambda _: IdentityPartition(settings, self.fuse))

    async def run(self, batches: AsyncIterable[RecordBatch]) -> None:
        """The agent's loop."""
        async for batch in batches:
            arrived = batch.messages(unpack_arrivals)
            telemetry.measure("identity", batch, len(arrived))
            await self.partitions.of(batch).process(batch, arrived)
            if self.stops:
                self.fuse.check()


class IdentityPartition:
    """The state of the only partition of `arrivals`."""

    def __init__(self, settings: Settings, fuse: Fuse) -> None:
        self.partitions = settings.partitions
        self.fuse = fuse
        size = settings.cache
        self.people: Shelf[Person] = Shelf("people", Person, size)
        self.members: Shelf[str] = Shelf("members", str, size)
        self.cuts: Shelf[dict[str, int]] = Shelf("cuts", dict[str, int], None)
        self.orders: Shelf[Order] = Shelf("orders", Order, size)
        self.refunds: Shelf[RefundClaim] = Shelf("refunds", RefundClaim, size)
        self.erasures: Shelf[list[tuple[int, str]]] = Shelf("erasures", list[tuple[int, str]], None)
        self.counts: Shelf[int] = Shelf("admitted", int, None)
        self.shelves = (self.people, self.members, self.cuts, self.orders, self.refunds, self.erasures)
        self.admission = Admission(State({}, *self.shelves))
        self.oldest = b""  # no key of `seen` is less

    async def process(self, batch: RecordBatch, arrived: list[Arrived]) -> None:
        """Fold one batch."""
        arrivals = [arrival for arrival, _ in arrived]
        known = self._recall(batch, arrivals)
        self._open(batch, [event for _, event in arrived])
        self.admission.begin()
        for seq, (arrival, event) in enumerate(arrived, self.counts.get("arrived", 0)):
            letters = len(self.admission.letters)
            self.admission.admit(event, arrival, seq)
            self.fuse.note(len(self.admission.letters) > letters)
        self._send(batch, arrivals)
        self._remember(batch, arrivals, known)
        for shelf in (*self.shelves, self.counts):
            shelf.flush()
        batch.after_commit(lambda: telemetry.add(self.admission.tally))
        await batch.commit()

    def _open(self, batch: RecordBatch, events: Iterable[AnyEvent]) -> None:
        """Read what the events of a batch will ask for, in one go per table."""
        aliases: set[str] = set()
        linked: set[str] = set()
        for event in events:
            if (ids := getattr(event.data, "ids", None)) is not None:
                found = list(map(buyer_id_of, ids.pairs()))
                aliases.update(found)
                if len(found) > 1:
                    linked.update(found)
        for shelf in (*self.shelves, self.counts):
            shelf.open(batch)
        self.members.open(batch, aliases)
        self.people.open(batch, linked | {self.members.get(alias, alias) for alias in linked})
        self.orders.open(batch, filter(None, map(order_key, events)))
        self.refunds.open(batch, filter(None, map(refund_key, events)))

    def _send(self, batch: RecordBatch, arrivals: list[Arrival]) -> None:
        admission = self.admission
        more = {"arrived": len(arrivals), "accepted": admission.accepted, "duplicates": admission.duplicates}
        for name, by in more.items():
            self.counts[name] = self.counts.get(name, 0) + by
        for rejected, payload, origin in admission.letters:
            letter(batch, rejected, payload, origin)
        parcels: list[list[Message]] = [[] for _ in range(self.partitions)]
        for partition, message in routed(admission.routes, self.partitions):
            parcels[partition].append(message)
        # How old what is in them may be.
        headers = ((APPENDED, b"%d" % min(arrival.origin.appended for arrival in arrivals)),)
        for partition, messages in enumerate(parcels):
            batch.send_parcel("journeys", messages, pack, headers, partition)

    def _recall(self, batch: RecordBatch, arrivals: list[Arrival]) -> set[bytes]:
        """Read what is known of these events, under the generation in which each came, or the one before."""
        keys = {
            _prefix(generation - age) + arrival.key: arrival.key
            for arrival in arrivals
            for generation in (arrival.origin.appended // GENERATION_MS,)
            for age in ((0, 1) if self.oldest < _prefix(generation) else (0,))
        }
        rows = batch.read("seen", keys)
        self.admission.state.seen = {keys[row]: digest for row, digest in rows.items()}
        return set(self.admission.state.seen)

    def _remember(self, batch: RecordBatch, arrivals: list[Arrival], known: set[bytes]) -> None:
        generations = {arrival.key: arrival.origin.appended // GENERATION_MS for arrival in reversed(arrivals)}
        seen = self.admission.state.seen.items()
        new = {_prefix(generations[key]) + key: digest for key, digest in seen if key not in known}
        batch.put_all("seen", {**self._forgotten(batch, min(generations.values()), 2 * len(new) + 1), **new})

    def _forgotten(self, batch: RecordBatch, generation: int, most: int) -> dict[bytes, None]:
        """What is too old: twice as much as is remembered, so that what is kept is bounded and no batch is slow."""
        oldest_kept = _prefix(generation - 1)
        self.oldest = min(self.oldest, _prefix(generation))
        if self.oldest >= oldest_kept:
            return {}
        rows = [key for key, _ in islice(batch.scan("seen"), most)]
        forgotten = rows[: bisect_left(rows, oldest_kept)]
        # Nothing that stays is less, be it in the table or of this batch.
        stays = rows[len(forgotten) :] or forgotten[-1:]
        self.oldest = min([*stays[:1], _prefix(generation)])
        return dict.fromkeys(forgotten)


@lru_cache(maxsize=16)  # three generations are asked for, event by event
def _prefix(generation: int) -> bytes:
    return max(generation, 0).to_bytes(4, "big")
