"""Both ends of a place for one event loop: where events go in, and where committed sales come out."""

import asyncio
from typing import Protocol, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from bench.places import OnKafka, Place
from streams.home import open_log
from streams.settings import Settings
from streams.transport.batches import Output

LOOK_SECONDS = 0.002
SALES = "attributed-sales"


class Ends(Protocol):
    """Both ends of a place, for one event loop."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def append(self, outputs: list[Output]) -> None: ...

    async def sold(self) -> list[bytes]:
        """Wait a moment for sales that were not seen before; their keys."""
        ...


class LogEnds:
    """Each append is on the disk before the next one, as with `livepool send`."""

    def __init__(self, place: Place) -> None:
        self._home = place.home

    async def __aenter__(self) -> Self:
        self._input, self._output = open_log(Settings(home=self._home)), open_log(Settings(home=self._home))
        (self._seen,) = self._output.end_offsets([(SALES, 0)]).values()
        self._version = 0
        return self

    async def __aexit__(self, *_: object) -> None:
        self._input.close()
        self._output.close()

    async def append(self, outputs: list[Output]) -> None:
        await asyncio.to_thread(self._input.append, outputs)

    async def sold(self) -> list[bytes]:
        await asyncio.sleep(LOOK_SECONDS)
        if (version := self._output.version()) == self._version:
            return []
        self._version = version
        records = self._output.records_from({(SALES, 0): self._seen}, 1 << 20)
        self._seen = records[-1].offset + 1 if records else self._seen
        return [record.key for record in records if record.key]


class KafkaEnds:
    """Each tick is one request with a batch per topic, acknowledged by the broker; the reader is `read_committed`."""

    def __init__(self, place: OnKafka) -> None:
        self._arguments = place.connection.aiokafka()

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(**self._arguments, acks="all")
        self._consumer = AIOKafkaConsumer(**self._arguments, isolation_level="read_committed")
        await self._producer.start()
        await self._consumer.start()
        self._consumer.assign([TopicPartition(SALES, 0)])
        await self._consumer.seek_to_end()
        await self._consumer.position(TopicPartition(SALES, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def append(self, outputs: list[Output]) -> None:
        batches = {topic: self._producer.create_batch() for topic in {output.topic for output in outputs}}
        for output in outputs:
            headers = list(output.headers)
            batches[output.topic].append(timestamp=None, key=None, value=output.value, headers=headers)
        sent = [await self._producer.send_batch(batch, topic, partition=0) for topic, batch in batches.items()]
        await asyncio.gather(*sent)

    async def sold(self) -> list[bytes]:
        found = await self._consumer.getmany(timeout_ms=100)
        return [record.key for records in found.values() for record in records]


def ends_of(place: Place) -> Ends:
    if isinstance(place, OnKafka):
        return KafkaEnds(place)
    return LogEnds(place)
