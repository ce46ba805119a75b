"""Input as other people's producers write it: compressed, with headers without a value, without a key."""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaProducer

from faults.workers import Workers
from schemas.codec import decode
from streams.cluster.connection import VARIABLES
from streams.cluster.lag import Lag
from streams.cluster.log_reader import LogReader
from streams.cluster.topic_admin import apply_topics
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
        assert len(list(reader.read("arrivals"))) == len(events)
    assert all(map(decode, events))
