"""Server-Sent Events: a client of the hub at the end of a connection."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from streams import telemetry
from streams.web.access import HEADERS
from streams.web.hub import Hub, Subject
from streams.web.problems import NotKnown, Unavailable

MOST_CLIENTS = 2000  # of a worker
PING_SECONDS = 15.0
RETRY = b"retry: 2000\n\n"
PING = b": ping\n\n"


async def stream(request: web.Request, hub: Hub, subject: Subject, may_stay: Callable[[], bool]) -> web.StreamResponse:
    """Send what the hub has on a subject until the client goes, or may not stay any more. Raises NotKnown."""
    if hub.clients >= MOST_CLIENTS:
        raise Unavailable(f"{MOST_CLIENTS} are watching already", Retry_After="10")
    client = await hub.join(subject)
    if client is None:
        raise NotKnown(f"no session {subject.session_id}")
    telemetry.sse_clients.inc()
    response = web.StreamResponse(
        headers=HEADERS | {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )
    try:
        await response.prepare(request)
        await response.write(RETRY)
        while not client.ended and may_stay():
            try:
                event = await asyncio.wait_for(client.next(), PING_SECONDS)
            except TimeoutError:
                event = PING
            if event:
                await response.write(event)
    except ConnectionError:
        pass  # the client went away
    finally:
        hub.leave(subject, client)
        telemetry.sse_clients.dec()
    return response
