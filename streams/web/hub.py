"""Pushes documents to those who watch: one look per room, scope and second, one `bytes` for all its clients.

A client gets the whole document first and then what changed: merge patches, and of the list of sessions its rows. For
one that is too slow nothing more is queued: what it gets next is the whole document as it is then.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

from schemas.codec import encode
from streams import telemetry
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
        first = channel.whole()
        self._waiting: deque[bytes] = deque(() if first is None else (first,))
        self._is_lost = first is None  # what it has is not what the next patch is about
        self._news = asyncio.Event()
        self.ended = False

    def put(self, event: bytes) -> None:
        """Give it an event, unless it is too slow: then it gets the whole document in place of what it has missed."""
        if self._is_lost:
            self._channel.drop(1)
        elif len(self._waiting) == MOST_WAITING:
            self._channel.drop(len(self._waiting) + 1)
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
                return whole
            if self._waiting:
                return self._waiting.popleft()
            if self.ended:
                return b""
            self._news.clear()
            await self._news.wait()


class Channel:
    """A subject and its clients. `drop` is told how many events were dropped, when it happens."""

    def __init__(self, subject: Subject, drop: Callable[[int], None]) -> None:
        self.subject, self.drop = subject, drop
        self.clients: set[Client] = set()
        self.document: Document | None = None
        self._whole: bytes | None = None

    def whole(self) -> bytes | None:
        """The event with the whole document, made once for all who need it."""
        if self._whole is None and self.document is not None:
            self._whole = self._all_of(self.document)
        return self._whole

    def show(self, document: Document) -> None:
        """Tell the clients what has changed, if anything has."""
        before = self.document
        self.document = self._whole = None  # should this fail, the next one is told as a whole
        event = self._news(before, document)
        self.document = document
        for client in self.clients:
            client.put(event)

    def _news(self, before: Document | None, document: Document) -> bytes:
        if before is not None and _lasting(before) == _lasting(document):
            return event_of("beat", _beat(document), None)
        if before is None:
            return self._all_of(document)
        if self.subject.event == "rooms":
            return event_of("change", changed_rooms(before, document), None)
        try:
            return event_of("change", difference(before, document), document["version"])
        except NotAPatch:
            return self._all_of(document)

    def _all_of(self, document: Document) -> bytes:
        self._whole = event_of(self.subject.event, document, document.get("version"))
        return self._whole


def changed_rooms(before: Document, document: Document) -> Document:
    """What is new in a list of sessions: the rows that changed, and the order of all when that changed."""
    old = {row["session_id"]: row for row in before["rooms"]}
    order = [row["session_id"] for row in document["rooms"]]
    rows = [row for row in document["rooms"] if row != old.get(row["session_id"])]
    change = {"rooms": rows} | _beat(document)
    return change if order == list(old) else change | {"order": order}


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
            channel = self._channels.setdefault(subject, Channel(subject, self._drop))
            if channel.document is None:
                channel.show(document)
        client = Client(channel)
        channel.clients.add(client)
        return client

    def leave(self, subject: Subject, client: Client) -> None:
        """End to watch."""
        channel = self._channels.get(subject)
        if channel is not None:
            channel.clients.discard(client)
            if not channel.clients:
                del self._channels[subject]

    def _drop(self, events: int) -> None:
        self.dropped += events
        telemetry.sse_dropped.inc(events)

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
                    if document is not None:
                        channel.show(document)
                except Exception as error:
                    _LOG.warning("cannot push %s: %s", channel.subject.session_id or "the rooms", error)


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


def _beat(document: Document) -> Document:
    return {"as_of": document["as_of"], "lag": document.get("problems", document)["lag"]}
