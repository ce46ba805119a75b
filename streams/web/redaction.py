"""What a token for some stores gets of a buyer and of an explanation: nothing that speaks of another store."""

from collections.abc import Collection
from typing import Any

from streams.views.fold import Profile
from streams.views.reads import Json

# A finding with one of these and no store of ours may be about anybody's guide, sharer, code or session.
_NAMES = ("store_id", "guide_id", "sharer_id", "token", "session_id")


def explanation(told: Json, stores: Collection[str], sessions: Collection[str]) -> Json:
    """An explanation of an order that is theirs, without what its buyer did at other stores and in their sessions."""
    elsewhere: Json = {"late": [], "afterwards": [], "new_buyer": None, "stream_time": None}
    return (
        told
        | {name: nothing for name, nothing in elsewhere.items() if name in told}
        | {"lines": [_line(line, told["event"], stores, sessions) for line in told["lines"]]}
    )


def _line(line: Json, order: Json, stores: Collection[str], sessions: Collection[str]) -> Json:
    is_known = line["session_id"] in sessions
    return line | {
        "session_id": line["session_id"] if is_known else None,
        "live": _decision(line["live"], order, stores, sessions, shows_evidence=is_known),
        "store": _decision(line["store"], order, stores, sessions, shows_evidence=True),
    }


def _decision(
    decided: Json, order: Json, stores: Collection[str], sessions: Collection[str], *, shows_evidence: bool
) -> Json:
    return decided | {
        "evidence": decided["evidence"] if shows_evidence or _is_of(order, decided["evidence"]) else None,
        "tried": [
            trial | {"findings": _findings(trial["findings"], order, stores, sessions)} for trial in decided["tried"]
        ],
    }


def _is_of(order: Json, evidence: Json | None) -> bool:
    return evidence is None or all(evidence[name] == order[name] for name in ("source", "id"))


def _findings(found: list[Json], order: Json, stores: Collection[str], sessions: Collection[str]) -> list[Json]:
    """Those that speak of their stores and sessions and of nobody else's, or of the order alone."""
    shown: list[Json] = []
    for finding in found:
        theirs = finding.get("store_id") in stores or finding.get("session_id") in sessions
        others = any(
            name in finding and finding[name] not in known
            for name, known in (("store_id", stores), ("session_id", sessions))
        )
        of_order = (
            finding["code"] != "nothing"  # it says of how many events
            and _is_of(order, finding["evidence"])
            and not any(name in finding for name in _NAMES)
        )
        if others or not (theirs or of_order):
            continue
        if "by" in finding and finding["by"] not in [one["evidence"] for one in shown]:
            continue
        own = dict(finding)
        if "stores" in own:
            own["stores"] = [store for store in own["stores"] if store in stores]
        if "weights" in own:
            own["weights"] = {store: weight for store, weight in own["weights"].items() if store in stores}
        shown.append(own)
    return shown


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
