"""Where the journeys of one partition are worked on: what is known, and what one batch makes of it."""

from collections.abc import Callable, Iterable, MutableMapping
from typing import Protocol

from streams.core import pool
from streams.core.archive import Archive
from streams.core.buyer import Buyer
from streams.core.messages import Message
from streams.core.outcome import Effects
from streams.core.policy import Policy
from streams.core.reference import Entry, Lookup
from streams.core.rooms import Deltas


class Absorbed(Message, frozen=True):
    """The parts of a buyer that are another's from now on; with identifiers, they are all that it has."""

    buyer_id: str
    buyer: Buyer
    time: int
    cause: str
    sender: str


class Dependents(Protocol):
    """Which buyers asked for which reference data."""

    def add(self, key: str, buyer_id: str) -> None:
        """Note that a result of this buyer rests on `key`."""

    def of(self, key: str) -> Iterable[str]:
        """The buyers with a result that rests on `key`."""


class Desk:
    """The state of one partition (mappings that the caller keeps), and the outcome of one batch."""

    def __init__(
        self,
        policy: Policy,
        buyers: MutableMapping[str, Buyer],
        entries: MutableMapping[str, Entry],
        dependents: Dependents,
        at_home: Callable[[str], bool] = lambda _: True,
        archive: Archive | None = None,
    ) -> None:
        self.policy = policy
        self.policy_version = policy.version
        self.buyers = buyers
        self.entries = entries
        self.dependents = dependents
        self.at_home = at_home  # is a buyer of this partition
        self.archive = archive or Archive()
        self.begin()

    def begin(self) -> None:
        """Begin a batch: nothing done yet."""
        self.effects = Effects()
        self.deltas = Deltas(self.archive)
        self.elsewhere: list[tuple[str, Message]] = []  # (buyer_id, message) for other partitions
        self.touched: dict[str, tuple[str, int, str]] = {}  # buyer_id -> (version, time, reason)
        self.late = 0  # activities that would have been evidence for an order that was final already
        self.version = ""

    def present(self, buyer_id: str) -> Buyer | None:
        """A buyer, unless it is unknown or has become another."""
        buyer = self.buyers.get(buyer_id)
        return None if buyer is None or buyer.moved_to is not None else buyer

    def now(self, buyer_id: str) -> str:
        """Who a buyer is by now."""
        while (buyer := self.buyers.get(buyer_id)) and buyer.moved_to is not None:
            buyer_id = buyer.moved_to
        return buyer_id

    def touch(self, buyer_id: str, time: int, reason: str) -> None:
        """Note that the profile is to be fed back at the end of the batch, because of `reason`."""
        self.touched[buyer_id] = (self.version, time, reason)

    def rests_on(self, lookup: Lookup, buyer_id: str) -> None:
        """Note what a result of a buyer rests on."""
        for key in lookup.asked:
            self.dependents.add(key, buyer_id)

    def profiles(self) -> None:
        """End a batch: publish the profile of every buyer that it touched, once, and put away what is old of it."""
        for buyer_id, (version, time, reason) in self.touched.items():
            buyer = self.present(buyer_id)
            if buyer is None or not buyer.parts:
                self.effects.profile(buyer_id, version, time, None)
            elif not buyer.anonymous:
                lookup = Lookup(self.entries)
                data = pool.profile(buyer_id, buyer, lookup, reason)
                self.rests_on(lookup, buyer_id)
                self.effects.profile(buyer_id, version, time, data)
            if buyer is not None and self.archive.freeze(buyer_id, buyer, self.policy.presence_timeout):
                self.buyers[buyer_id] = buyer
