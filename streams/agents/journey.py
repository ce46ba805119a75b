"""Reads: journeys. Keeps: buyers, reference data. Writes: sales, ledger, feedback, pool events, room-deltas."""

from collections import defaultdict
from collections.abc import AsyncIterable, Iterable
from operator import attrgetter

from streams import telemetry
from streams.agents.partitions import Partitions
from streams.agents.shelf import Shelf, row_prefix
from streams.core.archive import Archive, Limits, Row
from streams.core.buyer import Buyer
from streams.core.journey import JourneyMessage, Journeys
from streams.core.messages import Activity, Message, RoomDelta, RoomEvent, Seen
from streams.core.packing import Unpacker, pack
from streams.core.reference import Entry
from streams.core.routing import home_of
from streams.core.tally import APPENDED, Tally
from streams.settings import Settings
from streams.transport.batches import RecordBatch

_unpack: Unpacker[list[JourneyMessage]] = Unpacker(list[JourneyMessage])
_headers = attrgetter("headers")
ONE_PER_EVENT = (Activity, Seen, RoomEvent)  # of most accepted events there is exactly one of these messages


class DependentRows:
    """Which buyers asked for which reference data: a row per pair."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._written: dict[tuple[str, str], None] = {}
        self._new: dict[str, dict[str, None]] = {}
        self._batch: RecordBatch

    def open(self, batch: RecordBatch) -> None:
        """Begin a batch."""
        self._batch = batch
        self._new = {}
        if len(self._written) > self._capacity:
            self._written = {}

    def add(self, key: str, buyer_id: str) -> None:
        """Note that a result of this buyer rests on `key`."""
        if (key, buyer_id) not in self._written:
            self._written[key, buyer_id] = None
            self._new.setdefault(key, {})[buyer_id] = None
            self._batch.put("dependents", row_prefix(key) + buyer_id.encode(), b"")

    def of(self, key: str) -> Iterable[str]:
        """The buyers with a result that rests on `key`."""
        prefix = row_prefix(key)
        rows = [row[len(prefix) :].decode() for row, _ in self._batch.scan("dependents", prefix)]
        return [*rows, *self._new.get(key, ())]


class JourneyPartition:
    """The state of one partition of `journeys`."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self.settings = settings
        self.buyers: Shelf[Buyer] = Shelf("buyers", Buyer, settings.cache)
        self.entries: Shelf[Entry] = Shelf("references", Entry, None)
        # Its rows are large, so fewer of them are kept; they are read again when an order is, or is looked for.
        self.archive: Shelf[Row] = Shelf("archive", Row, settings.cache // 10)
        self.dependents = DependentRows(settings.cache)
        self.counts: Shelf[int] = Shelf("journeyed", int, None)
        self.appended: int | None = None  # what the last batch of admission said that came here
        self.journeys = Journeys(
            settings.policy,
            self.buyers,
            self.entries,
            self.dependents,
            lambda buyer_id: home_of(buyer_id, settings.partitions) == partition,
            Archive(self.archive, Limits()),
        )

    async def process(self, batch: RecordBatch, messages: list[JourneyMessage]) -> None:
        """Fold one batch."""
        asked = [buyer_id for message in messages if (buyer_id := getattr(message, "buyer_id", None))]
        self.buyers.open(batch, asked)
        self.entries.open(batch)
        self.archive.open(batch)
        self.dependents.open(batch)
        self.counts.open(batch)
        journeys = self.journeys
        journeys.begin()
        taken = self.counts.get("taken", 0)
        for number, message in enumerate(messages, taken):
            journeys.apply(message, f"{batch.partition}.{number}")
        journeys.profiles()
        for output in journeys.effects.outputs:
            batch.send(output.topic, output.key, output.value)
        self._send_on(batch)
        self.counts["taken"] = taken + len(messages)
        self.counts["late_evidence"] = self.counts.get("late_evidence", 0) + journeys.late
        for shelf in (self.buyers, self.archive, self.entries, self.counts):
            shelf.flush()
        times = [message.time for message in messages if isinstance(message, ONE_PER_EVENT)]
        batch.after_commit(lambda: self._tell(batch, times))
        await batch.commit()

    def _send_on(self, batch: RecordBatch) -> None:
        partitions = self.settings.partitions
        # By the session or the buyer that each is about.
        sent: dict[str, Iterable[tuple[str, RoomDelta | Message]]] = {
            "room-deltas": self.journeys.deltas.by_session.items(),
            "journeys": self.journeys.elsewhere,
        }
        for topic, about in sent.items():
            by_home: defaultdict[int, list[RoomDelta | Message]] = defaultdict(list)
            for key, message in about:
                by_home[home_of(key, partitions)].append(message)
            for home, messages in by_home.items():
                batch.send_parcel(topic, messages, pack, partition=home)

    def _tell(self, batch: RecordBatch, times: list[int]) -> None:
        tally: Tally = self.journeys.effects.tally
        tally["late_evidence",] += self.journeys.late
        telemetry.add(tally)
        telemetry.event_lag(times)
        headers = filter(None, map(_headers, batch.records))
        told = [int(value) for found in headers for name, value in found if name == APPENDED]
        first = batch.records[0]
        before = first.timestamp if self.appended is None else self.appended
        appended = min([*told, *(() if first.headers else (before,))])
        self.appended = told[-1] if told else self.appended
        telemetry.feedback_age(appended, tally["pool_feedback", "profile"] + tally["pool_feedback", "deletion"])


class Journey:
    """The journeys of all buyers, by partition."""

    def __init__(self, settings: Settings) -> None:
        self.partitions = Partitions(lambda partition: JourneyPartition(settings, partition))

    async def run(self, batches: AsyncIterable[RecordBatch]) -> None:
        """The agent's loop."""
        async for batch in batches:
            messages = batch.messages(_unpack)
            telemetry.measure("journey", batch, len(messages))
            await self.partitions.of(batch).process(batch, messages)
