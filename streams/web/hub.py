"""Pushes documents to those who watch: one look per room, scope and second, one `bytes` for all its clients.

A client gets the whole document first and then merge patches. Its queue is bounded: to one that is too slow the oldest
is dropped, and what it gets next is the whole document as it is then.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

from schemas.codec import encode
from streams.views.reads import Scope
from streams.web.merge import NotAPatch, difference

TICK_SECONDS = 1.0
MOST_WAITING = 4  # of one client
_LOG = logging.getLogger("livepool.web")

Document = dict[str, Any]


class Subject(NamedTuple):
    """What is watched: one session, or with None the list of them."""

    session_id: str | None
    scope: Scope

    @property
    def event(self) -> Literal["room", "rooms"]:
        """The name of the event that has the whole document."""
        return "rooms" if self.session_id is None else "room"


class Client:
    """Somebody who watches."""

    def __init__(self, channel: "Channel") -> None:
        self._channel = channel
        self._waiting: deque[bytes] = deque()
        self._is_lost = True  # what it has is not what the next patch is about
        self._news = asyncio.Event()
        self.ended = False
        self.dropped = 0

    def put(self, event: bytes) -> None:
        """Give it an event, unless the whole document waits for it anyway."""
        if not self._is_lost:
            if len(self._waiting) == MOST_WAITING:
                self.dropped += len(self._waiting)
                self._waiting.clear()
                self._is_lost = True
            else:
                self._waiting.append(event)
        self._news.set()

    def end(self) -> None:
        """There is nothing more for it."""
        self.ended = True
        self._news.set()

    async def next(self) -> bytes:
        """What to send next; waits for it."""
        while True:
            if self._is_lost and (whole := self._channel.whole()) is not None:
                self._is_lost = False
                self._waiting.clear()
                return whole
            if self._waiting:
                return self._waiting.popleft()
            if self.ended:
                return b""
            self._news.clear()
            await self._news.wait()


class Channel:
    """A subject and its clients."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.clients: set[Client] = set()
        self.document: Document | None = None
        self._whole: bytes | None = None

    def whole(self) -> bytes | None:
        """The event with the whole document, made once for all who need it."""
        if self._whole is None and self.document is not None:
            self._whole = event_of(self.subject.event, self.document, self.document.get("version"))
        return self._whole

    def show(self, document: Document) -> None:
        """Tell the clients what has changed, if anything has."""
        before, self.document = self.document, document
        self._whole = None
        if before is None:
            event = self.whole()
        elif _lasting(before) == _lasting(document):
            beat = {"as_of": document["as_of"], "lag": _lag(document)}
            event = event_of("beat", beat, None)
        elif self.subject.event == "rooms":
            event = self.whole()
        else:
            event = self._change(before, document)
        for client in self.clients:
            client.put(event or b"")

    def _change(self, before: Document, document: Document) -> bytes | None:
        try:
            return event_of("change", difference(before, document), document["version"])
        except NotAPatch:
            return self.whole()


class Hub:
    """All channels, and the task that looks each second."""

    def __init__(self, look: Callable[[Subject], Awaitable[Document | None]]) -> None:
        self._look = look
        self._channels: dict[Subject, Channel] = {}
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0  # events that were not sent, since a client was too slow

    @property
    def clients(self) -> int:
        """How many watch."""
        return sum(len(channel.clients) for channel in self._channels.values())

    async def join(self, subject: Subject) -> Client | None:
        """Begin to watch; None when there is no such thing for this scope."""
        channel = self._channels.get(subject)
        if channel is None or channel.document is None:
            document = await self._look(subject)
            if document is None:
                return None
            channel = self._channels.setdefault(subject, Channel(subject))
            if channel.document is None:
                channel.document = document
        client = Client(channel)
        channel.clients.add(client)
        return client

    def leave(self, subject: Subject, client: Client) -> None:
        """End to watch."""
        self.dropped += client.dropped
        channel = self._channels.get(subject)
        if channel is not None:
            channel.clients.discard(client)
            if not channel.clients:
                del self._channels[subject]

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send everybody away."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for channel in self._channels.values():
            for client in channel.clients:
                client.end()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + TICK_SECONDS, loop.time())
            await asyncio.sleep(due - loop.time())
            for channel in list(self._channels.values()):
                try:
                    document = await self._look(channel.subject)
                except Exception as error:
                    _LOG.warning("cannot look at %s: %s", channel.subject.session_id or "the rooms", error)
                    continue
                if document is not None:
                    channel.show(document)


def event_of(name: str, data: Document, version: int | None) -> bytes:
    """A Server-Sent Event; JSON has no line breaks."""
    id_ = b"" if version is None else b"id: %d\n" % version
    return b"%bevent: %b\ndata: %b\n\n" % (id_, name.encode(), encode(data))


def _lasting(document: Document) -> Document:
    """A document without what changes at every look."""
    rest = {name: value for name, value in document.items() if name not in ("as_of", "lag")}
    if "problems" in rest:
        rest["problems"] = {name: value for name, value in rest["problems"].items() if name != "lag"}
    return rest


def _lag(document: Document) -> int | None:
    found: int | None = document["problems"]["lag"] if "problems" in document else document["lag"]
    return found
