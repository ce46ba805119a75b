"""Run a worker in this process until it is stopped, has drained, or has failed."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial

from streams.app import App
from streams.home import lag

_LOOK_SECONDS = 0.02


class WorkerFailedError(RuntimeError):
    """The worker ended because an agent raised."""


async def run(
    app: App,
    *,
    drain: bool = False,
    stop: asyncio.Event | None = None,
    look: Callable[[], None] | None = None,
) -> None:
    """Run until `stop` is set or a signal comes; with `drain`, until nothing is left to process.

    `look` is called now and then. Raises WorkerFailedError with the reason when an agent raised.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError, RuntimeError):  # only the main thread may
            loop.add_signal_handler(name, stop.set)
    with _drained(app) if drain else nullcontext() as drained:
        await app.start()
        try:
            while not (stop.is_set() or app.should_stop or app.crash_reason):
                if look is not None:
                    look()
                if drained is not None and await drained():
                    break
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        finally:
            await app.stop()
    if app.crash_reason:
        raise WorkerFailedError(str(app.crash_reason)) from app.crash_reason


@contextmanager
def _drained(app: App) -> Iterator[Callable[[], Awaitable[bool]]]:
    """Yield what tells whether everything that was sent is processed."""
    connection = app.settings.connection
    if connection is None:

        async def look() -> bool:
            return lag(app.transport.log) == 0

        yield look
    else:
        from streams.cluster.lag import Lag  # noqa: PLC0415 - its library only when there is a cluster

        with Lag(connection) as reader:
            yield partial(asyncio.to_thread, reader.drained)
