"""The board as a service of the Faust worker, in the place of Faust's own web server (which is aiohttp, too).

Faust's would end the worker when its port is taken, share the loop of the agents, and show pages without a token.
"""

import asyncio
import logging
from typing import Any

from mode import Service

from streams.settings import SettingsError
from streams.web.server import Server

# Of a core, for the read model while it is behind: the agents are to have the rest.
SHARE = 0.25
_LOG = logging.getLogger("livepool.web")


class BoardService(Service):  # type: ignore[misc]  # mode is not typed
    """Starts with the worker and ends with it; what fails in it does not end the worker."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(**options)
        self._app = app
        self.server: Server | None = None

    async def on_start(self) -> None:
        """Listen."""
        try:
            self.server = Server(self._app.settings, share=SHARE, why_not_ready=lambda: why_not_ready(self._app))
            await asyncio.to_thread(self.server.start)
        except SettingsError as error:
            _LOG.error("no board: %s. Events are processed all the same", error)

    async def on_stop(self) -> None:
        """End."""
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)


def why_not_ready(app: Any) -> str | None:
    """What a worker is doing before it can process; None: it processes."""
    if app.should_stop:
        return "the worker is ending"
    if not app.started or app._consumer is None:
        return "the worker is starting"
    restorer = getattr(app._consumer, "restorer", None)  # on Kafka, once it is connected
    if restorer is not None and (progress := restorer.progress).done < progress.total:
        return f"state is being restored: {progress.done:,} of {progress.total:,}"
    if app.rebalancing or not _has_partitions(app):
        return "partitions are being assigned"
    return None


def _has_partitions(app: Any) -> bool:
    """Does the consumer deliver from what was assigned to it; Faust's own signs begin as if it did."""
    if app.settings.connection is None:
        return bool(app._consumer._readers)
    partitions = getattr(app._consumer, "partitions", None)  # not there before it is connected
    return partitions is not None and bool(partitions.prepared.is_set())
