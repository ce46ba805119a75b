"""Reference data and session events: what is known better now, and whose decisions rest on it."""

from streams.core.account import Account
from streams.core.desk import Desk
from streams.core.messages import AnchorsChanged, RoomEvent, SessionStarted, TokenRegistered
from streams.core.reference import References
from streams.core.sales import Cause


def session_started(desk: Desk, message: SessionStarted) -> None:
    """A session is known: evidence that named it counts from now on."""
    session, room = References(desk.entries).start(message)
    _tell_board(desk, message)
    cause = Cause(message.time, "live.session.started")
    _known_better(desk, [session], cause, new=True)
    _known_better(desk, [room], cause, new=False)  # its earlier sessions are what they were


def anchors_changed(desk: Desk, message: AnchorsChanged) -> None:
    """Others are on air from a moment on."""
    keys = References(desk.entries).change_anchors(message)
    _tell_board(desk, message)
    _known_better(desk, keys, Cause(message.time, "live.anchors.changed"), new=False)


def token_registered(desk: Desk, message: TokenRegistered) -> None:
    """A token, and perhaps a sharer, means something."""
    references = References(desk.entries)
    first = references.is_first(message)
    _known_better(desk, references.register(message), Cause(message.time, "token.registered"), new=first)


def room_event(desk: Desk, message: RoomEvent) -> None:
    """A live-room event without a buyer."""
    delta = desk.deltas.of(message.session_id)
    delta.changes += 1
    delta.latest = message.time if delta.latest is None else max(delta.latest, message.time)
    evidence = (message.time, message.source, message.id)
    if message.started:
        delta.started = min(delta.started or evidence, evidence)
    if message.ended:
        delta.ended = min(delta.ended or evidence, evidence)


def _tell_board(desk: Desk, message: SessionStarted | AnchorsChanged) -> None:
    """Every partition has it; one tells the board."""
    if desk.at_home(message.session_id):
        desk.deltas.of(message.session_id).reference.append(message)


def _known_better(desk: Desk, keys: list[str], cause: Cause, *, new: bool) -> None:
    """Make again whatever rests on reference data that has just arrived.

    What was known before (not `new`) keeps its meaning for everything earlier than the news.
    """
    for buyer_id in dict.fromkeys(desk.now(buyer_id) for key in keys for buyer_id in desk.dependents.of(key)):
        buyer = desk.present(buyer_id)
        if buyer is not None and (new or buyer.reaches(cause.time)):
            account = Account(desk, buyer_id)
            account.hear_news(None if new else cause.time)
            account.close(cause)
