"""The Faust app: `faust -A streams.app worker`, or `livepool worker`."""

from typing import Any

import faust
from faust.app.base import BootStrategy

from schemas.topics import TOPICS
from streams import telemetry, topology
from streams.agents.board import Board
from streams.agents.identity import Identity
from streams.agents.intake import Intake
from streams.agents.journey import Journey
from streams.home import APP_ID, open_log, partitions_of
from streams.settings import Settings, from_environment, remember_policy
from streams.transport import embedded
from streams.transport.batches import batch_topic

_LOOPS: dict[str, Any] = {"intake": Intake, "identity": Identity, "journey": Journey, "board": Board}
_BYTES = faust.Schema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


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
        telemetry.begin(self.settings.policy)
        self.transport.listener = telemetry.TransportMetrics()
        await super().on_first_start()


def build_app(settings: Settings) -> App:
    """Wire agents, topics and tables as `topology` says.

    With a connection the partition counts are those of the cluster, and a topic that is missing or cannot be used is a
    ClusterError.
    """
    if settings.connection is not None:
        from streams.cluster.topic_admin import cluster_partitions  # noqa: PLC0415 - a third of a start without Kafka

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
        # Only the first agent waits: what it commits together comes to the others together.
        interval = settings.batch_ms / 1000 if agent is topology.INTAKE else 0.0
        private = TOPICS[agent.reads[0]].kind == "internal"
        topic = batch_topic(app, *agent.reads, interval=interval, private=private, writes=agent.writes)
        app.agent(topic, name=f"{APP_ID}.{agent.name}")(loop.run)
        for table in agent.keeps:
            app.Table(table, partitions=partitions_of(agent.reads[0], settings), schema=_BYTES)
    return app


def _transport(settings: Settings) -> dict[str, Any]:
    if settings.connection is None:
        return embedded.app_settings(settings.home, synchronous=settings.synchronous, max_records=settings.max_records)
    from streams.transport import kafka  # noqa: PLC0415 - as above

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
