"""Every address of a board with every id that there is."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from streams.settings import Settings
from streams.web.routes import ROUTES, TABLES, Route
from views.shows_in_topics import last_data, viewed


class Names(NamedTuple):
    """The ids of a run."""

    sessions: list[str]
    sales: dict[str, dict]
    buyers: list[str]

    @property
    def orders(self) -> list[str]:
        return sorted({sale["order_id"] for sale in self.sales.values()})


def names_of(settings: Settings) -> Names:
    records = viewed(settings)
    sales = last_data(records, "attributed-sales")
    return Names(sorted(last_data(records, "room-metrics")), sales, sorted(last_data(records, "pool-feedback")))


def addresses(names: Names) -> Iterator[tuple[Route, str]]:
    """All of them but streams."""
    values = {
        "session_id": names.sessions,
        "sale_id": sorted(names.sales),
        "order_id": names.orders,
        "buyer_id": names.buyers,
        "table": list(TABLES),
        "path": ["app.js"],
    }
    for route in ROUTES:
        if route.kind == "events" or route.method != "GET":
            continue
        paths = [route.path]
        for name, ids in values.items():
            marker = f"{{{name}}}"
            paths = [
                path.replace(marker, quote(id_, safe="")) for path in paths for id_ in (ids if marker in path else [""])
            ]
        yield from ((route, path) for path in paths)
