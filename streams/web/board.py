"""The one who answers: read model, kept state, definitions, documents, by scope. `api` puts HTTP around it."""

import io
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from rich.console import Console

from schemas.values import CHECKOUT_CARRIERS, format_time
from streams.core.definitions import DEFINITIONS, Definition, Language
from streams.core.explain import explain
from streams.core.more_definitions import MORE_DEFINITIONS
from streams.kept.orders import keys_of, known_order, missing
from streams.kept.source import Source
from streams.settings import Settings
from streams.views import documents
from streams.views.follower import Follower
from streams.views.reads import Json, Reads, Scope
from streams.web import redaction
from streams.web.hub import Document, Subject
from streams.web.problems import BadRequest, NotKnown, Unavailable
from streams.web.readers import Readers
from streams.words.explanation import write

MOST_ROOMS = 500
MOST_SALES = 100  # of a buyer
WIDTH = 100  # columns of an explanation
_KEPT_SECONDS = 60.0  # the hub looks each second at what is watched
_AGAIN_SECONDS = "2"  # as often as those who are pushed to connect again
T = TypeVar("T")


class _Look(NamedTuple):
    version: int
    letters: tuple[dict[str, int], dict[str, int]]
    document: Document
    used: float  # monotonic


class Board:
    """Answers for one installation. `why_not_ready` tells what the worker around it still does; None: it is ready."""

    def __init__(self, settings: Settings, follower: Follower, why_not_ready: Callable[[], str | None]) -> None:
        self.settings = settings
        self.follower = follower
        self.readers = Readers(settings)
        self._why_not_ready = why_not_ready
        self._looks: dict[Subject, _Look] = {}  # of the hub's thread; what was used last is at the end

    def situation(self, reads: Reads) -> documents.Situation:
        """How things are at the moment."""
        looked_at = self.follower.looked_at
        recent, ever = reads.letters(_now())
        return documents.Situation(format_time(looked_at) if looked_at else None, self.follower.lag, recent, ever)

    def why_not_ready(self) -> str | None:
        """Why it does not answer with today's numbers; None: it does."""
        return self._why_not_ready() or self._why_not_level()

    def _why_not_level(self) -> str | None:
        if self.follower.failure is not None:
            return f"the board does not follow the topics: {self.follower.failure}"
        return None if self.follower.ready else "the board has not caught up with the topics yet"

    def _check_level(self) -> None:
        """Raise Unavailable until the read model has caught up once: what it lacks so far is not missing in truth."""
        if not self.follower.has_been_level and (why := self._why_not_level()):
            raise Unavailable(why, Retry_After=_AGAIN_SECONDS)

    async def _ask(self, question: Callable[[Reads], T]) -> T:
        """Answer from the read model; raises Unavailable until it has caught up."""
        self._check_level()
        return await self.readers.ask(question)

    # --- sessions --------------------------------------------------------------------------------------------

    async def rooms(self, scope: Scope, *, live: bool | None = None, most: int = MOST_ROOMS) -> Json:
        """The list of sessions."""
        return {"rooms": await self._ask(lambda reads: documents.listed(reads, scope, live=live, most=most))}

    async def room(self, session_id: str, scope: Scope) -> Json:
        """The document of a session; raises NotKnown."""

        def read(reads: Reads) -> Json | None:
            return documents.document(reads, session_id, scope, self.situation(reads))

        return _known(await self._ask(read), f"no session {session_id}")

    async def look(self, subject: Subject) -> Document | None:
        """The document of what is watched; made anew only when something of it has changed."""
        self._check_level()
        return await self.readers.look(lambda reads: self._look(reads, subject))

    def _look(self, reads: Reads, subject: Subject) -> Document | None:
        situation = self.situation(reads)
        letters = situation.dead_letters_10m, situation.dead_letters
        if subject.session_id is None:
            now = reads.version()
        else:
            session = reads.session(subject.session_id)
            if session is None:
                return None
            now = session.version
        last = self._looks.pop(subject, None)
        if last is not None and (last.version, last.letters) == (now, letters):
            document: Document | None = last.document
        else:
            document = self._document(reads, subject, situation)
        if document is None:
            return None
        self._keep(subject, _Look(now, letters, document, time.monotonic()))
        fresh = {"as_of": situation.as_of}
        if subject.session_id is None:
            return document | fresh | {"lag": situation.lag}
        return document | fresh | {"problems": document["problems"] | {"lag": situation.lag}}

    def _keep(self, subject: Subject, look: _Look) -> None:
        """Keep it for the next look, and nothing that nobody watches any more."""
        self._looks[subject] = look
        while self._looks[oldest := next(iter(self._looks))].used < look.used - _KEPT_SECONDS:
            del self._looks[oldest]

    def _document(self, reads: Reads, subject: Subject, situation: documents.Situation) -> Document | None:
        if subject.session_id is not None:
            return documents.document(reads, subject.session_id, subject.scope, situation)
        return {"rooms": documents.listed(reads, subject.scope, most=MOST_ROOMS)}

    # --- sales, orders, buyers -------------------------------------------------------------------------------

    async def sales(self, session_id: str, scope: Scope, after: str | None, limit: int) -> Json:
        """A page of the sales of a session."""
        before = None if after is None else _place(after)

        def read(reads: Reads) -> Json | None:
            session = reads.session(session_id)
            if session is None or documents.sight(reads, session.card, scope) is None:
                return None
            found: list[Json] = []
            last = ""
            for row in reads.sales_of_session(session_id, scope, before):
                if len(found) == limit:
                    return {"sales": found, "next": last}
                if data := documents.sale_data(row, scope, considered=False):
                    found.append(data)
                last = f"{row.placed}:{row.sale.sale_id}"
            return {"sales": found, "next": None}

        return _known(await self._ask(read), f"no session {session_id}")

    async def sale(self, sale_id: str, scope: Scope) -> Json:
        """One sale."""

        def read(reads: Reads) -> Json | None:
            row = reads.sale(sale_id)
            return row and documents.sale_data(row, scope, considered=True)

        return _known(await self._ask(read), f"no sale {sale_id}")

    async def buyer(self, buyer_id: str, scope: Scope) -> Json:
        """A buyer with their latest sales."""

        def read(reads: Reads) -> Json | None:
            profile = reads.buyer(buyer_id)
            rows = reads.sales_of_buyer(buyer_id)
            seen = [data for row in rows if (data := documents.sale_data(row, scope, considered=False))]
            if profile is None or (scope is not None and not seen):
                return None
            shown = redaction.whole_profile(profile) if scope is None else redaction.profile(profile, seen, scope)
            return {**shown, "sales": seen[:MOST_SALES]}

        return _known(await self._ask(read), f"no buyer {buyer_id}")

    async def order(self, order_id: str, carrier: str | None, lang: Language, scope: Scope) -> Json:
        """An explanation as data and as text."""
        if carrier is not None and carrier not in CHECKOUT_CARRIERS:
            raise BadRequest(f"carrier is one of {', '.join(sorted(CHECKOUT_CARRIERS))}")
        told = await self.readers.search(lambda source: self._explain(source, order_id, carrier, scope))
        if scope is not None:
            told = await self._redacted(told, scope)
        text = io.StringIO()
        write(told, lang, Console(file=text, width=WIDTH, highlight=False, color_system=None))
        return told | {"text": [line.rstrip() for line in text.getvalue().splitlines()]}

    def _explain(self, source: Source, order_id: str, carrier: str | None, scope: Scope) -> Json:
        keys = keys_of(source, order_id, carrier)
        if len(keys) > 1 and scope is None:
            carriers = [key.partition(":")[0] for key in keys]
            raise BadRequest(f"{' and '.join(carriers)} both have an order {order_id}: add ?carrier={carriers[0]}")
        for key in keys:
            known = known_order(source, key)
            told = known and explain(known, self.settings.policy)
            if told and (scope is None or _is_theirs(told, scope)):
                return told
        raise NotKnown(f"no order {order_id}" if scope is not None else missing(source, order_id, known_key=bool(keys)))

    async def _redacted(self, told: Json, stores: frozenset[str]) -> Json:
        named = redaction.session_ids(told)

        def visible(reads: Reads) -> set[str]:
            found = map(reads.session, named)
            return {one.card.session_id for one in found if one and documents.sight(reads, one.card, stores)}

        return redaction.explanation(told, stores, await self._ask(visible))

    # --- the installation ------------------------------------------------------------------------------------

    async def parties(self, kind: str, day: str, scope: Scope) -> Json:
        """Sums per store, anchor or mode."""
        found = await self._ask(lambda reads: reads.parties(kind, day, scope))
        return {f"{kind}s": {party: documents.credited(one) for party, one in sorted(found.items())}}

    async def status(self) -> Json:
        """How the installation is."""
        situation = await self.readers.ask(self.situation)
        why = self.why_not_ready()
        return {
            "version": version("livepool"),
            "timezone": self.settings.policy.timezone,
            "policy": self.settings.policy.version,
            "ready": why is None,
            "recovering": self._why_not_ready() is not None,
            "why": why,
            "lag": situation.lag,
            "dead_letters": situation.dead_letters,
            "dead_letters_10m": situation.dead_letters_10m,
            "behind_seconds": self.follower.behind_seconds,
            "as_of": situation.as_of,
        }

    @property
    def zone(self) -> ZoneInfo:
        """The policy's time zone."""
        return ZoneInfo(self.settings.policy.timezone)


def definitions() -> Json:
    """What every number means: those of a snapshot in their order, then the others of the board."""
    return {name: _defined(one) for name, one in (DEFINITIONS | MORE_DEFINITIONS).items()}


def _defined(definition: Definition) -> Json:
    return {"unit": definition.unit, "label": definition.label._asdict(), "text": definition.text._asdict()}


def _is_theirs(told: Json, stores: frozenset[str]) -> bool:
    """Is every line credited to these stores, and to nobody else."""
    credited = {credit["party_id"] for line in told["lines"] for credit in line["credits"]["store"] if credit["weight"]}
    return bool(credited) and credited <= stores


def _known(found: Json | None, detail: str) -> Json:
    if found is None:
        raise NotKnown(detail)
    return found


def _place(after: str) -> tuple[int, str]:
    placed, colon, sale_id = after.partition(":")
    try:
        number = int(placed)
    except ValueError:
        number = None
    if number is None or not colon or abs(number) >= 1 << 62:
        raise BadRequest("`after` is the `next` of the page before")
    return number, sale_id


def _now() -> int:
    return time.time_ns() // 1_000_000
