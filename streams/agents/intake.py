"""Reads: the input topics. Keeps: nothing. Writes: arrivals, dead-letters."""

from collections.abc import AsyncIterable

from schemas.codec import Rejected
from streams.agents.dead_letters import letter, origin_of
from streams.core.intake import Fuse, arrival
from streams.core.packing import pack
from streams.settings import Settings
from streams.transport.batches import RecordBatch


class Intake:
    """Bytes to valid events."""

    def __init__(self, settings: Settings) -> None:
        policy = settings.policy
        self.fuse = Fuse(policy.bad_share, policy.bad_window) if settings.bad_fuse else None

    async def run(self, batches: AsyncIterable[RecordBatch]) -> None:
        """The agent's loop."""
        async for batch in batches:
            for record in batch.records:
                payload = record.value or b""
                origin = origin_of(record)
                try:
                    batch.send("arrivals", None, pack(arrival(payload, origin)))
                except Rejected as rejected:
                    letter(batch, rejected, payload, origin)
                    self._note(bad=True)
                else:
                    self._note(bad=False)
            await batch.commit()

    def _note(self, *, bad: bool) -> None:
        if self.fuse is not None:
            self.fuse.note(bad)
