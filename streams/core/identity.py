"""Who is a buyer (spec §3): sets of identifiers, linked by the events that carry several of them.

The links of all events form a graph; a buyer is a connected set of it and takes the name of its best
identifier. A link stands while an event that made it is later than its latest withdrawal
(`identity.unlinked`), so links and withdrawals may arrive in any order.

Only linked identifiers are kept: a buyer known by one identifier needs no record, since its id is
computed. Identifiers stand here as their `alias`, the buyer id that they would have alone.
"""

from collections.abc import Iterable, MutableMapping
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations

import msgspec

from schemas.values import NAMESPACES

NAMESPACE_RANK: dict[str, int] = {namespace: place for place, namespace in enumerate(NAMESPACES)}
LARGEST_SET = 32


@lru_cache(maxsize=65_536)  # each event asks several times
def buyer_id_of(identifier: str) -> str:
    """`b` and 16 hex digits of BLAKE2b-64 of `namespace:value`."""
    return "b" + blake2b(identifier.encode(), digest_size=8).hexdigest()


def rank(identifier: str) -> tuple[int, str]:
    """Sort key: best identifier first (str compares like its UTF-8 bytes)."""
    return NAMESPACE_RANK[identifier.partition(":")[0]], identifier


class Person(msgspec.Struct, array_like=True):
    """A set of two or more linked identifiers: best first, and the time of each link's latest event (ms)."""

    identifiers: list[str]
    links: dict[str, int]  # "alias alias" (sorted) -> time


class Changed(msgspec.Struct, array_like=True, frozen=True):
    """A set that is new or has grown: `buyer_id` now has `identifiers` and takes over the buyers `absorbed`."""

    buyer_id: str
    identifiers: list[str]
    absorbed: list[str]


class Split(msgspec.Struct, array_like=True, frozen=True):
    """A set that fell apart: `buyer_id` became the `parts`, each (buyer_id, identifiers)."""

    buyer_id: str
    parts: list[tuple[str, list[str]]]


class IdentityTooLarge(Exception):  # noqa: N818 - it says what the set is
    """A link would make a set of more than 32 identifiers."""


class Identities:
    """The sets of identifiers; state is three mappings that the caller keeps.

    people: buyer_id -> Person; members: alias -> buyer_id of its Person; cuts: alias -> {alias: time of withdrawal}.
    """

    def __init__(
        self,
        people: MutableMapping[str, Person],
        members: MutableMapping[str, str],
        cuts: MutableMapping[str, dict[str, int]],
    ) -> None:
        self.people = people
        self.members = members
        self.cuts = cuts

    def buyer_of(self, alias: str) -> str:
        """The buyer that an identifier belongs to now."""
        return self.members.get(alias, alias)

    def link(self, identifiers: list[str], time: int) -> list[Changed]:
        """Take the links of one event; IdentityTooLarge leaves everything as it was."""
        by_alias = {buyer_id_of(identifier): identifier for identifier in identifiers}
        pairs = [pair for pair in map(link_name, combinations(by_alias, 2)) if self._stands(pair, time)]
        groups = self._groups(by_alias, pairs)
        for group in groups:
            if sum(map(self._size, group)) > LARGEST_SET:
                raise IdentityTooLarge
        return [change for group in groups if (change := self._join(group, by_alias, pairs, time))]

    def unlink(self, identifiers_a: Iterable[str], identifiers_b: Iterable[str], time: int) -> list[Split]:
        """Withdraw every link between the two lists that was made up to `time`."""
        aliases_b = [buyer_id_of(identifier) for identifier in identifiers_b]
        touched: dict[str, None] = {}
        for a in map(buyer_id_of, identifiers_a):
            for b in aliases_b:
                if a == b:
                    continue
                for one, other in ((a, b), (b, a)):
                    cuts = self.cuts.get(one) or {}
                    cuts[other] = max(time, cuts.get(other, time))
                    self.cuts[one] = cuts
                if (buyer := self.members.get(a)) and buyer == self.members.get(b):
                    touched[buyer] = None
        return [split for buyer in touched if (split := self._fall_apart(buyer))]

    def erase(self, alias: str) -> tuple[str, list[str]]:
        """Forget the set of an identifier: the buyer it was, and the aliases it had."""
        buyer_id = self.buyer_of(alias)
        aliases = [alias]
        if person := self.people.get(buyer_id):
            aliases = [buyer_id_of(identifier) for identifier in person.identifiers]
            del self.people[buyer_id]
            for member in aliases:
                del self.members[member]
        for member in aliases:
            for other in self.cuts.pop(member, {}):
                if remaining := self.cuts.get(other):
                    remaining.pop(member, None)
                    self.cuts[other] = remaining
        return buyer_id, aliases

    def _stands(self, pair: str, time: int) -> bool:
        one, other = pair.split()
        return time > (self.cuts.get(one) or {}).get(other, time - 1)

    def _size(self, buyer: str) -> int:
        person = self.people.get(buyer)
        return len(person.identifiers) if person else 1

    def _groups(self, aliases: Iterable[str], pairs: list[str]) -> list[list[str]]:
        """Buyers that `pairs` make one, each group with its smallest first; groups of one alias alone left out."""
        group_of = {alias: {self.buyer_of(alias)} for alias in aliases}
        for pair in pairs:
            one, other = pair.split()
            joined = group_of[one] | group_of[other]
            for alias, group in group_of.items():
                if group & joined:
                    group_of[alias] = joined
        linked = {alias for pair in pairs for alias in pair.split()}
        return list({min(group): sorted(group) for alias, group in group_of.items() if alias in linked}.values())

    def _join(self, group: list[str], by_alias: dict[str, str], pairs: list[str], time: int) -> Changed | None:
        links: dict[str, int] = {}
        identifiers = {identifier for alias, identifier in by_alias.items() if self.buyer_of(alias) in group}
        for buyer in group:
            if person := self.people.get(buyer):
                identifiers.update(person.identifiers)
                links.update(person.links)
        aliases = set(map(buyer_id_of, identifiers))
        for pair in pairs:
            if pair.split()[0] in aliases:
                links[pair] = max(time, links.get(pair, time))
        ordered = sorted(identifiers, key=rank)
        buyer_id = buyer_id_of(ordered[0])
        if group == [buyer_id]:
            self.people[buyer_id] = Person(ordered, links)
            return None
        self._replace(group, [(buyer_id, Person(ordered, links))])
        return Changed(buyer_id, ordered, [buyer for buyer in group if buyer != buyer_id])

    def _fall_apart(self, buyer_id: str) -> Split | None:
        person = self.people[buyer_id]
        links = {pair: time for pair, time in person.links.items() if self._stands(pair, time)}
        parts = list(_components(person.identifiers, links))
        if len(parts) == 1:
            self.people[buyer_id] = Person(person.identifiers, links)
            return None
        self._replace([buyer_id], [(name, part) for name, part in parts if len(part.identifiers) > 1])
        return Split(buyer_id, [(name, part.identifiers) for name, part in parts])

    def _replace(self, old: Iterable[str], new: Iterable[tuple[str, Person]]) -> None:
        """Put the sets `new` in the place of the sets `old`."""
        gone: dict[str, None] = {}
        for buyer in old:
            if person := self.people.get(buyer):
                del self.people[buyer]
                gone.update(dict.fromkeys(map(buyer_id_of, person.identifiers)))
        for buyer, person in new:
            self.people[buyer] = person
            for identifier in person.identifiers:
                alias = buyer_id_of(identifier)
                gone.pop(alias, None)
                if self.members.get(alias) != buyer:
                    self.members[alias] = buyer
        for alias in gone:
            del self.members[alias]


def link_name(pair: Iterable[str]) -> str:
    """The name of the link between two aliases, the same from both ends."""
    return " ".join(sorted(pair))


def _components(identifiers: list[str], links: dict[str, int]) -> Iterable[tuple[str, Person]]:
    """The connected sets that `links` leave, each with its buyer_id."""
    neighbours: dict[str, list[str]] = {}
    for pair in links:
        one, other = pair.split()
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    by_alias = {buyer_id_of(identifier): identifier for identifier in identifiers}
    while by_alias:
        reached, frontier = {}, [next(iter(by_alias))]
        while frontier:
            alias = frontier.pop()
            if alias in by_alias:
                reached[alias] = by_alias.pop(alias)
                frontier.extend(neighbours.get(alias, ()))
        ordered = sorted(reached.values(), key=rank)
        inner = {pair: time for pair, time in links.items() if pair.split()[0] in reached}
        yield buyer_id_of(ordered[0]), Person(ordered, inner)
