"""Input as other people's producers write it: compressed, with headers without a value, without a key."""

import asyncio
import struct
import time

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from faults.workers import Workers
from schemas.codec import decode
from streams.cluster.connection import VARIABLES
from streams.cluster.lag import Lag, drained
from streams.cluster.log_reader import LogReader
from streams.cluster.topic_admin import apply_topics
from streams.core.intake import Arrived, unpack_arrivals
from streams.show import generate

pytestmark = pytest.mark.kafka
CODECS = (None, "gzip", "snappy", "lz4", "zstd")


def test_every_codec_and_headers_without_a_value_are_read(empty_brokers, tmp_path):
    connection = empty_brokers
    apply_topics(connection, 1)
    events = list(generate(50, 7, 1_762_862_400_000))

    async def send() -> None:
        for number, codec in enumerate(CODECS):
            async with AIOKafkaProducer(**connection.aiokafka(), compression_type=codec) as producer:
                for event in events[number * 10 : number * 10 + 10]:
                    headers = [("traceparent", None), ("empty", b"")]
                    await producer.send_and_wait("live-room", event.rstrip(), headers=headers)

    asyncio.run(send())
    with Workers(tmp_path, {VARIABLES["brokers"]: connection.brokers}) as workers, Lag(connection) as lag:
        workers.add()
        until = time.monotonic() + 60
        while not lag.drained():
            assert time.monotonic() < until, workers.last_words()
            time.sleep(0.2)
        assert workers.crashes == []
    with LogReader(connection) as reader:
        assert [record.value for record in reader.read("live-room")] == [event.rstrip() for event in events]
        assert len(arrived(reader)) == len(events)
    assert all(map(decode, events))


def arrived(reader: LogReader) -> list[Arrived]:
    """All events in `arrivals`."""
    return [each for record in reader.read("arrivals") for each in unpack_arrivals(record.value)]


class OddName(BatchBuilder):
    """A batch whose first header QQQQ gets a name that is not UTF-8."""

    def _build(self) -> bytes:
        self.close()
        if not self._buffer:
            raw = bytearray(self._builder.build())
            at = raw.index(b"QQQQ")
            raw[at : at + 4] = b"\xff\xfe\xff\xfe"
            raw[17:21] = struct.pack(">I", calc_crc32c(bytes(raw[21:])))  # over all that follows it
            self._buffer = bytes(raw)
        return self._buffer


def test_a_header_name_that_is_no_utf_8_stops_nothing(empty_brokers, tmp_path):
    connection = empty_brokers
    apply_topics(connection, 1)
    events = [event.rstrip() for event in generate(30, 7, 1_762_862_400_000)]

    async def send() -> None:
        async with AIOKafkaProducer(**connection.aiokafka()) as producer:
            for event in events[:10]:
                await producer.send_and_wait("live-room", event)
            batch = OddName(1 << 16, 0)
            for event in events[10:20]:
                batch.append(timestamp=None, key=None, value=event, headers=[("QQQQ", b"x")])
            batch.close()
            await (await producer.send_batch(batch, "live-room", partition=0))
            for event in events[20:]:
                await producer.send_and_wait("qr-scan", event)

    asyncio.run(send())
    with Workers(tmp_path, {VARIABLES["brokers"]: connection.brokers}) as workers, LogReader(connection) as reader:
        workers.add()
        until = time.monotonic() + 60
        while len(arrived(reader)) < len(events):
            assert time.monotonic() < until, workers.last_words()
            time.sleep(0.2)
        time.sleep(1)
        assert len(arrived(reader)) == len(events)
        assert workers.crashes == []
        names = [name for record in reader.read("live-room") for name, _ in record.headers]
        assert names == ["\ufffd" * 4] + ["QQQQ"] * 9  # what people look with reads it, too
        assert drained(connection)
