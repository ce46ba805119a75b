"""Worker processes for the contract suite: `python workers.py NAME HOME [option=value ...]`.

HOME is a directory, on Kafka with the address of the brokers before it: `host:port#directory`.
"""

import asyncio
import logging
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import faust
import msgspec

from streams.transport.batches import batch_topic
from streams.transport.embedded import app_settings

read_keys = msgspec.msgpack.Decoder(list[bytes]).decode


def pair(app: faust.App) -> None:
    """As `chain`, and its first agent reads another topic, too."""
    chain(app, "source", "second")


def chain(app: faust.App, *sources: str) -> None:
    """source -> copied -> counted: numbers the records of each key, with the count as state."""

    @app.agent(batch_topic(app, *(sources or ("source",))))
    async def copy(batches: Any) -> None:
        async for batch in batches:
            keys = [record.key for record in batch.records]
            batch.send_parcel("copied", keys, msgspec.msgpack.encode, partition=batch.partition)
            await asyncio.sleep(0.002)
            await batch.commit()

    @app.agent(batch_topic(app, "copied", private=True))
    async def count(batches: Any) -> None:
        async for batch in batches:
            keys = batch.messages(read_keys)
            counts = defaultdict(int, {key: int(value) for key, value in batch.read("counts", set(keys)).items()})
            for key in keys:
                counts[key] += 1
                batch.send("counted", key, b"%d" % counts[key])
            for key, value in counts.items():
                batch.put("counts", key, b"%d" % value)
            await batch.commit()


def failing(app: faust.App) -> None:
    """Fails after it has buffered its effects, before it commits them."""

    @app.agent(batch_topic(app, "source"))
    async def fail(batches: Any) -> None:
        async for batch in batches:
            batch.send("counted", b"k", b"lost")
            batch.put("counts", b"k", b"lost")
            raise RuntimeError("the agent failed")


def hanging(app: faust.App) -> None:
    """Waits for what never comes."""

    @app.agent(batch_topic(app, "source"))
    async def hang(batches: Any) -> None:
        async for _ in batches:
            await asyncio.Event().wait()


def frozen(app: faust.App) -> None:
    """Blocks the event loop."""

    @app.agent(batch_topic(app, "source"))
    async def freeze(batches: Any) -> None:
        async for _ in batches:
            time.sleep(1_000)


if __name__ == "__main__":
    name, home, *options = sys.argv[1:]
    chosen = dict(option.split("=") for option in options)
    bootstrap, _, directory = home.rpartition("#")
    if bootstrap:
        from contract.kafka_transport import build_app

        app = build_app(name, bootstrap, Path(directory), **chosen)
    else:
        app = faust.App(name, **app_settings(Path(home), **chosen), datadir=home, web_enabled=False)
    globals()[name](app)
    logging.getLogger("livepool").setLevel("INFO")
    faust.Worker(app, loglevel="info").execute_from_commandline()
