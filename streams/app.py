"""The Faust app: `faust -A streams.app worker`, or `livepool worker`."""

from typing import Any

import faust
from faust.app.base import BootStrategy

from schemas.topics import TOPICS
from streams import topology
from streams.agents.board import Board
from streams.agents.identity import Identity
from streams.agents.intake import Intake
from streams.agents.journey import Journey
from streams.cluster.topic_admin import cluster_partitions
from streams.settings import Settings, from_environment, remember_policy
from streams.transport import embedded, kafka
from streams.transport.batches import batch_topic
from streams.transport.log import Log, TopicConfig

APP_ID = "livepool"
_LOOPS: dict[str, Any] = {"intake": Intake, "identity": Identity, "journey": Journey, "board": Board}
_BYTES = faust.Schema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
_ONE_PARTITION = {"arrivals", "dead-letters"}


class Boot(BootStrategy):  # type: ignore[misc]  # Faust is not typed
    """What a worker starts: with Faust's services the board, where Faust would have its web server."""

    def web_server(self) -> list[Any]:
        """The board, unless it is off."""
        if self.app.settings.web is None:
            return []
        from streams.web.service import BoardService  # noqa: PLC0415 - it needs what is made here

        return [BoardService(self.app, loop=self.app.loop, beacon=self.app.beacon)]


class App(faust.App):  # type: ignore[misc]  # Faust is not typed
    """Declares the topics of an embedded run before anything reads them."""

    BootStrategy = Boot
    settings: Settings

    async def on_first_start(self) -> None:
        """Declare the topics, keep the policy with the run, then start."""
        if self.settings.connection is None:
            open_log(self.settings).close()
        remember_policy(self.settings)
        await super().on_first_start()


def partitions_of(topic: str, settings: Settings) -> int:
    """How many partitions a topic has. The inputs of an embedded run have one, since their order is total."""
    one = topic in _ONE_PARTITION or (settings.connection is None and topic in topology.INPUTS)
    return 1 if one else settings.partitions


def open_log(settings: Settings) -> Log:
    """Open the log of an embedded run with all topics declared; the directory is made if need be."""
    log = Log(settings.home, synchronous=settings.synchronous.upper())  # type: ignore[arg-type]
    log.declare(
        TopicConfig(topic.name, partitions_of(topic.name, settings), topic.compacted, topic.retention_ms)
        for topic in TOPICS.values()
    )
    return log


def build_app(settings: Settings) -> App:
    """Wire agents, topics and tables as `topology` says.

    With a connection the partition counts are those of the cluster, and a topic that is missing or cannot be used is a
    ClusterError.
    """
    if settings.connection is not None:
        settings = settings._replace(partitions=cluster_partitions(settings.connection))
    app = App(
        APP_ID,
        **_transport(settings),
        datadir=str(settings.home / "faust"),
        web_enabled=False,  # the board is served in its place
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


def _transport(settings: Settings) -> dict[str, Any]:
    if settings.connection is None:
        return embedded.app_settings(settings.home, synchronous=settings.synchronous, max_records=settings.max_records)
    return kafka.app_settings(
        settings.connection.aiokafka(),
        settings.home / "state",
        standbys=settings.standbys,
        instance=settings.instance,
        max_records=settings.max_records,
        session_seconds=settings.session_seconds,
        watchdog_seconds=settings.watchdog_seconds,
    )


def __getattr__(name: str) -> App:
    """`streams.app.app`, made when Faust asks for it, from the environment."""
    if name == "app":
        globals()["app"] = build_app(from_environment())
        return globals()["app"]  # type: ignore[no-any-return]
    raise AttributeError(name)
