"""Who is a buyer (spec §3), for every prefix of the arrivals."""

import hashlib
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations

from .contract import NAMESPACES
from .envelope import Event

Node = tuple[int, str, int]  # rank of the namespace, value, generation (an erased identifier begins anew)
LARGEST = 32


@dataclass(eq=False)
class Buyer:
    """A connected set of identifiers, and the events that are theirs in order of arrival."""

    nodes: list[Node]
    erased: bool
    events: list[Event] = field(default_factory=list)

    @property
    def buyer_id(self) -> str:
        """The id of spec §3; of an erased buyer an id that names nobody."""
        rank, value, _ = min(self.nodes)
        if self.erased:
            return "anonymous-" + digest("\n".join(min((e.source, e.id) for e in self.events)))
        return "b" + digest(f"{NAMESPACES[rank]}:{value}")

    @property
    def stream_time(self) -> int:
        return max(e.time for e in self.events)

    @property
    def ids(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for rank, value, _ in sorted(self.nodes):
            found.setdefault(NAMESPACES[rank], []).append(value)
        return found


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Identity:
    """All accepted events in order of arrival, and who their people were after each of them."""

    def __init__(self) -> None:
        self.arrived: list[Event] = []
        self._generation: Counter[tuple[int, str]] = Counter()
        self._links: list[tuple[Node, Node, int, int]] = []  # a, b, time, position of arrival
        self._unlinks: list[tuple[Node, Node, int, int]] = []
        self._erased: dict[Node, int] = {}  # node -> position of arrival
        self._people: dict[int, dict[Node, Buyer]] = {}
        # What the methods below would work out anew for each event, in shows of many thousand events.
        self._position: dict[Event, int] = {}
        self._latest: list[int] = []  # the latest time of an event with ids, up to and with each arrival
        self._now: dict[Node, list[Node]] = {}  # the sets after all that has arrived

    def admit(self, event: Event) -> bool:
        """Take the event in; False when a link of it is refused: it then counts for nothing."""
        position = len(self.arrived)
        if event.type == "identity.unlinked":
            for a in self._nodes(event.data["ids_a"]):
                for b in self._nodes(event.data["ids_b"]):
                    self._unlinks.append((min(a, b), max(a, b), event.time, position))
            self._now = self._sets(position + 1)
        elif event.type == "buyer.erased":
            self._erase(event, position)
        elif "ids" in event.data:
            nodes = self._nodes(event.data["ids"])
            links = [(a, b, event.time, position) for a, b in combinations(nodes, 2)]
            sets = self._linked(links)
            if any(len(of) > LARGEST for of in sets.values()):
                return False
            event.nodes = nodes
            self._links += links
            for of in sets.values():
                self._now.update(dict.fromkeys(of, of))
        self.arrived.append(event)
        self._position[event] = position
        self._latest.append(max(self._latest[-1] if self._latest else 0, event.time if event.nodes else 0))
        return True

    def _linked(self, links: list[tuple[Node, Node, int, int]]) -> dict[Node, list[Node]]:
        """Return the sets that identifiers of the new links would be in."""
        withdrawn = self._withdrawn(len(self.arrived))
        sets = {n: self._now.get(n, [n]) for a, b, _, _ in links for n in (a, b)}
        for a, b, time, _ in links:
            left, right = sets[a], sets[b]
            if left is not right and time > withdrawn.get((a, b), time - 1):
                both = left + right
                sets.update({n: both for n, of in sets.items() if of is left or of is right})
        return sets

    def people(self, upto: int) -> dict[Node, Buyer]:
        """Return the buyer of every identifier after the first `upto` arrivals."""
        if upto not in self._people:
            self._people[upto] = self._known(upto)
        return self._people[upto]

    def known_at_the_horizon(self, order: Event, limit: float) -> tuple[list[Event], int]:
        """Return the events of the order's buyer, and how many of all had arrived, when stream time passed `limit`.

        The event that moved it is among them. For an order that arrives later than that, its buyer is who it is
        with the order. All that arrived, when it never did.
        """
        placed = self._position[order]
        for position in range(max(placed, bisect_right(self._latest, limit)), len(self.arrived)):
            events = self._events_of(order, position + 1)
            late = [e for e in events if e.time > limit]
            if late and position > placed:
                return events, position + 1
            if late:
                upto = min(map(self._position.__getitem__, late)) + 1
                return [e for e in events if self._position[e] < upto], upto
        return self._events_of(order, len(self.arrived)), len(self.arrived)

    def _events_of(self, order: Event, upto: int) -> list[Event]:
        return self.people(upto)[order.nodes[0]].events

    def _nodes(self, ids: dict[str, str]) -> tuple[Node, ...]:
        found = sorted((NAMESPACES.index(n), v) for n, v in ids.items())
        if len(found) > 1:  # a device counts only when it is alone
            found = [f for f in found if NAMESPACES[f[0]] != "device_id"]
        return tuple((*f, self._generation[f]) for f in found)

    def _erase(self, event: Event, position: int) -> None:
        people = self.people(position)
        for node in self._nodes(event.data["ids"]):
            for gone in people[node].nodes if node in people else []:
                if gone not in self._erased:
                    self._erased[gone] = position
                    self._generation[gone[:2]] += 1

    def _withdrawn(self, upto: int) -> dict[tuple[Node, Node], int]:
        """Return the time up to which each link is withdrawn."""
        withdrawn: dict[tuple[Node, Node], int] = {}
        for a, b, time, position in self._unlinks:
            if position < upto:
                withdrawn[a, b] = max(time, withdrawn.get((a, b), time))
        return withdrawn

    def _sets(self, upto: int) -> dict[Node, list[Node]]:
        """Return the connected set of every identifier that a standing link names."""
        withdrawn = self._withdrawn(upto)
        sets: dict[Node, list[Node]] = {}
        for a, b, time, position in self._links:
            if position >= upto:
                break
            left, right = sets.setdefault(a, [a]), sets.setdefault(b, [b])
            if left is not right and time > withdrawn.get((a, b), time - 1):
                left += right
                sets.update(dict.fromkeys(right, left))
        return sets

    def _known(self, upto: int) -> dict[Node, Buyer]:
        sets = self._sets(upto)
        people: dict[Node, Buyer] = {}
        for event in self.arrived[:upto]:
            for node in event.nodes:
                if node not in people:
                    nodes = sets.get(node, [node])
                    people.update(dict.fromkeys(nodes, Buyer(nodes, self._erased.get(node, upto) < upto)))
            if event.nodes:
                people[event.nodes[0]].events.append(event)
        return people
