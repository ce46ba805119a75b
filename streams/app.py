"""The Faust app: `faust -A streams.app worker`, or `livepool worker`."""

from typing import Any

import faust

from schemas.topics import TOPICS
from streams import topology
from streams.agents.board import Board
from streams.agents.identity import Identity
from streams.agents.intake import Intake
from streams.agents.journey import Journey
from streams.settings import Settings, from_environment, remember_policy
from streams.transport.batches import batch_topic
from streams.transport.embedded import app_settings
from streams.transport.log import Log, TopicConfig

APP_ID = "livepool"
_LOOPS: dict[str, Any] = {"intake": Intake, "identity": Identity, "journey": Journey, "board": Board}
_BYTES = faust.Schema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
_ONE_PARTITION = {*topology.INPUTS, "arrivals", "dead-letters"}


class App(faust.App):  # type: ignore[misc]  # Faust is not typed
    """Declares the topics before anything reads them."""

    settings: Settings

    async def on_first_start(self) -> None:
        """Declare the topics, keep the policy with the run, then start."""
        open_log(self.settings).close()
        remember_policy(self.settings)
        await super().on_first_start()


def partitions_of(topic: str, settings: Settings) -> int:
    """How many partitions a topic has in an embedded run: the inputs have one, since their order is total."""
    return 1 if topic in _ONE_PARTITION else settings.partitions


def open_log(settings: Settings) -> Log:
    """Open the log of an embedded run with all topics declared; the directory is made if need be."""
    log = Log(settings.home, synchronous=settings.synchronous.upper())  # type: ignore[arg-type]
    log.declare(
        TopicConfig(topic.name, partitions_of(topic.name, settings), topic.compacted, topic.retention_ms)
        for topic in TOPICS.values()
    )
    return log


def build_app(settings: Settings) -> App:
    """Wire agents, topics and tables as `topology` says."""
    app = App(
        APP_ID,
        **app_settings(settings.home, synchronous=settings.synchronous, max_records=settings.max_records),
        datadir=str(settings.home / "faust"),
        web_enabled=False,  # `faust worker` turns it on; replays and tests run side by side
        web_tables_enabled=False,
        web_router_enabled=False,
        stream_wait_empty=False,
    )
    app.settings = settings
    for agent in topology.AGENTS:
        loop = _LOOPS[agent.name](settings)
        app.agent(batch_topic(app, *agent.reads), name=f"{APP_ID}.{agent.name}")(loop.run)
        for table in agent.keeps:
            app.Table(table, partitions=partitions_of(agent.reads[0], settings), schema=_BYTES)
    return app


def __getattr__(name: str) -> App:
    """`streams.app.app`, made when Faust asks for it, from the environment."""
    if name == "app":
        globals()["app"] = build_app(from_environment())
        return globals()["app"]  # type: ignore[no-any-return]
    raise AttributeError(name)
