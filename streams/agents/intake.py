"""Reads: the input topics. Keeps: nothing. Writes: arrivals, dead-letters."""

from collections import defaultdict
from collections.abc import AsyncIterable

from schemas.codec import Rejected
from streams import telemetry
from streams.agents.dead_letters import letter, origin_of
from streams.core.intake import Fuse, arrive, pack_arrivals
from streams.core.tally import Tally, refuse
from streams.settings import Settings
from streams.transport.batches import RecordBatch


class Intake:
    """Bytes to valid events."""

    def __init__(self, settings: Settings) -> None:
        self.fuse = Fuse(settings.policy.bad_share, settings.policy.bad_window)
        self.stops = settings.bad_fuse

    async def run(self, batches: AsyncIterable[RecordBatch]) -> None:
        """The agent's loop."""
        async for batch in batches:
            telemetry.measure("intake", batch, len(batch.records))
            await self.process(batch)
            if self.stops:
                self.fuse.check()

    async def process(self, batch: RecordBatch) -> None:
        """Judge one batch."""
        tally: Tally = defaultdict(int)
        arrived = []
        for record in batch.records:
            payload = record.value or b""
            origin = origin_of(record)
            try:
                arrived.append(arrive(payload, origin))
            except Rejected as rejected:
                letter(batch, rejected, payload, origin)
                refuse(tally, rejected.reason, record.topic)
                self.fuse.note(True)
            else:
                self.fuse.note(False)
        batch.send_parcel("arrivals", arrived, pack_arrivals)
        batch.after_commit(lambda: telemetry.add(tally))
        await batch.commit()
