"""The numbers of a session: what each fact adds to, and what is made of the sums (spec §6)."""

from typing import Any, NamedTuple

PEOPLE = ("viewers", "clickers", "scanners", "pool_joins", "buyers", "new_buyers")
VIEWER, CLICKER, SCANNER, JOINER, BUYER, NEW_BUYER = range(6)


class Kind(NamedTuple):
    """What a fact adds to: a count (None: to none), and the sorts of people that its buyer becomes."""

    metric: str | None
    people: tuple[int, ...] = ()


KINDS = (
    # Viewer and product events, in the order of `buyer.ACTIVITY_TYPES`.
    Kind("views", (VIEWER,)),
    Kind(None, (VIEWER,)),
    Kind("comments", (VIEWER,)),
    Kind("likes", (VIEWER,)),
    Kind("shares", (VIEWER,)),
    Kind("follows", (VIEWER,)),
    Kind("fan_club_joins", (VIEWER,)),
    Kind("product_clicks", (VIEWER, CLICKER)),
    Kind("product_clicks", (VIEWER, CLICKER)),
    Kind("scans", (SCANNER,)),
    Kind(None, (JOINER,)),
    Kind("orders_placed"),
    Kind("gmv_created_fen"),
    Kind("orders_paid", (BUYER,)),
    Kind("units"),
    Kind("gmv_paid_fen"),
    Kind(None, (NEW_BUYER,)),
    Kind("refunded_fen"),
)
SCAN, JOIN, ORDER_PLACED, MADE_FEN, ORDER_PAID, UNITS, PAID_FEN, NEW, REFUNDED_FEN = range(9, 18)
METRICS = tuple(dict.fromkeys(kind.metric for kind in KINDS if kind.metric))
METRIC_OF = [METRICS.index(kind.metric) if kind.metric else None for kind in KINDS]


def figures(sums: list[int], people: list[int], watched: int, online: tuple[int, int]) -> dict[str, Any]:
    """Every count and ratio of one window."""
    count = dict(zip(METRICS, sums, strict=True)) | dict(zip(PEOPLE, people, strict=True))
    paid, refunded, viewers = count["gmv_paid_fen"], count["refunded_fen"], count["viewers"]
    return {
        "views": count["views"],
        "viewers": viewers,
        "online": online[0],
        "peak_online": online[1],
        "avg_watch_seconds": whole(watched, 1000 * viewers),
        "comments": count["comments"],
        "likes": count["likes"],
        "shares": count["shares"],
        "follows": count["follows"],
        "fan_club_joins": count["fan_club_joins"],
        "product_clicks": count["product_clicks"],
        "clickers": count["clickers"],
        "scans": count["scans"],
        "scanners": count["scanners"],
        "pool_joins": count["pool_joins"],
        "orders_placed": count["orders_placed"],
        "orders_paid": count["orders_paid"],
        "buyers": count["buyers"],
        "new_buyers": count["new_buyers"],
        "units": count["units"],
        "gmv_created_fen": count["gmv_created_fen"],
        "gmv_paid_fen": paid,
        "refunded_fen": refunded,
        "gmv_net_fen": paid - refunded,
        "conversion": ratio(count["buyers"], viewers),
        "click_conversion": ratio(count["buyers"], count["clickers"]),
        "average_order_fen": whole(paid, count["orders_paid"]),
        "uv_value_fen": whole(paid, viewers),
        "gpm_fen": whole(1000 * paid, count["views"]),
        "pool_rate": ratio(count["pool_joins"], viewers),
        "refund_rate": ratio(refunded, paid),
    }


def whole(dividend: int, divisor: int) -> int | None:
    """A quotient rounded half up to a whole number; None when the divisor is 0."""
    return (2 * dividend + divisor) // (2 * divisor) if divisor else None


def ratio(dividend: int, divisor: int) -> float | None:
    """A quotient rounded half up to 4 decimals; None when the divisor is 0."""
    parts = whole(10_000 * dividend, divisor)
    return None if parts is None else parts / 10_000
