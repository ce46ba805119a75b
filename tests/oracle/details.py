"""What a session is, and who was online each minute, of spec §6 and beside it; read a second time."""

from collections.abc import Iterator
from typing import Any

from .identity import Buyer
from .sales import Decider
from .stays import MINUTE, online, stays


def details(people: list[Buyer], decider: Decider) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (session_id, card and `online`: minute -> how many, from the first stay to one timeout after the last)."""
    arrived = decider.identity.arrived
    registry = decider.registry(len(arrived))
    for session_id, session in registry.sessions.items():
        latest = max(e.time for e in arrived if e.type.startswith("live.") and e.data["session_id"] == session_id)
        own = [s for b in people for s in stays(b.events, decider.policy.timeout) if s.session_id == session_id]
        minutes = range(
            min((s.start for s in own), default=0) // MINUTE * MINUTE,
            int(max((s.end for s in own), default=-1)) + 2 * MINUTE,
            MINUTE,
        )
        data = session.start.data
        yield (
            session_id,
            {
                "room_id": data["room_id"],
                "carrier": data["carrier"],
                "anchors": session.anchors(latest),
                "stores": sorted(set(data.get("store_ids") or [])),
                "started": session.start.time,
                "ended": session.end.time if session.end else None,
                "latest": latest,
                "online": {minute: online(own, minute) for minute in minutes},
            },
        )
