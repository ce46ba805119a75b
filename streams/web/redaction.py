"""What a token for some stores gets of a buyer and of an explanation: nothing that speaks of another store."""

from collections.abc import Collection, Iterable
from typing import Any

from streams.views.fold import Profile
from streams.views.reads import Json

# A finding with one of these and no store of ours may be about anybody's guide, sharer, code or session.
_NAMES = ("store_id", "guide_id", "sharer_id", "token", "session_id")


def explanation(told: Json, stores: Collection[str], sessions: Collection[str]) -> Json:
    """An explanation of an order that is theirs, without what was found of other stores and their sessions."""
    return told | {"lines": [_line(line, stores, sessions) for line in told["lines"]]}


def _line(line: Json, stores: Collection[str], sessions: Collection[str]) -> Json:
    session_id = line["session_id"] if line["session_id"] in sessions else None
    return line | {
        "session_id": session_id,
        **{
            which: line[which]
            | {
                "tried": [
                    trial | {"findings": list(_findings(trial["findings"], stores, sessions))}
                    for trial in line[which]["tried"]
                ]
            }
            for which in ("live", "store")
        },
    }


def _findings(found: Iterable[Json], stores: Collection[str], sessions: Collection[str]) -> Iterable[Json]:
    for finding in found:
        theirs = finding.get("store_id") in stores or finding.get("session_id") in sessions
        others = any(
            name in finding and finding[name] not in known
            for name, known in (("store_id", stores), ("session_id", sessions))
        )
        if others or (not theirs and any(name in finding for name in _NAMES)):
            continue
        own = dict(finding)
        if "stores" in own:
            own["stores"] = [store for store in own["stores"] if store in stores]
        if "weights" in own:
            own["weights"] = {store: weight for store, weight in own["weights"].items() if store in stores}
        yield own


def session_ids(told: Json) -> set[str]:
    """The sessions that an explanation speaks of."""
    found: set[str] = set()
    for line in told["lines"]:
        found.add(line["session_id"])
        for which in ("live", "store"):
            for trial in line[which]["tried"]:
                found.update(finding.get("session_id") for finding in trial["findings"])
    return {session_id for session_id in found if session_id}


def profile(found: Profile, sales: list[Json], stores: Collection[str]) -> Json:
    """A buyer as these stores know them: by what they bought there."""
    tags = {f"mode:{mode['mode']}" for sale in sales for mode in sale["modes"] if mode["mode"] != "none"}
    tags |= {f"store:{credit['store_id']}" for sale in sales for credit in sale["stores"]}
    return {
        "buyer_id": found.buyer_id,
        "stage": None,
        "tags": sorted(tags),
        "home_store_id": found.home_store_id if found.home_store_id in stores else None,
        "orders": len({(sale["carrier"], sale["order_id"]) for sale in sales}),
        "net_fen": sum(sale["net_fen"] for sale in sales),
        "sessions_seen": None,
        "first_seen": None,
        "last_seen": None,
        "last_order_at": max((sale["placed_at"] for sale in sales), default=None),
    }


def whole_profile(found: Profile) -> Json:
    """A buyer as those who may see everything know them."""
    fields: dict[str, Any] = {name: getattr(found, name) for name in Profile.__struct_fields__}
    return fields
