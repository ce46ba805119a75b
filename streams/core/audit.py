"""Conservation, checked from what was published alone (spec §4: every fen is credited exactly once).

`Books` takes the last record of each sale, every ledger entry, and optionally what the order book says was paid,
in this order, and finds whatever does not add up. It shares no arithmetic with the code that wrote them.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from schemas.sales import AnchorCredit, ModeCredit, StoreCredit

DIMENSIONS = ("store", "anchor", "mode")


class SaleAmounts(msgspec.Struct):
    """Of a sale's data, what has to add up; amounts in fen."""

    amount_fen: int
    refunded_fen: int
    net_fen: int
    stores: list[StoreCredit]
    anchors: list[AnchorCredit]
    modes: list[ModeCredit]

    def shown(self) -> Iterator[tuple[str, str, int]]:
        """(dimension, party, fen) of every credit that is shown."""
        yield from (("store", credit.store_id, credit.amount_fen) for credit in self.stores)
        yield from (("anchor", credit.anchor_id, credit.amount_fen) for credit in self.anchors)
        yield from (("mode", credit.mode, credit.amount_fen) for credit in self.modes)


class Entry(msgspec.Struct):
    """Of a ledger entry, what has to add up."""

    entry_id: str
    sale_id: str
    dimension: str
    party_id: str
    amount_fen: int


class Finding(NamedTuple):
    """Something that does not add up; `dimension` None: it is not about one dimension."""

    sale_id: str
    dimension: str | None
    problem: str


class Sums(msgspec.Struct):
    """Of one sale: what it says, and what the ledger makes of it, (dimension, party) -> fen."""

    sale: SaleAmounts | None = None
    ledger: dict[tuple[str, str], int] = {}


class Books:
    """The sales and the ledger; memory is a few hundred bytes per sale and about 100 per entry."""

    def __init__(self) -> None:
        self.sums: dict[str, Sums] = {}
        self.credited: Counter[tuple[str, str]] = Counter()  # over all sales, of the ledger
        self.paid = self.refunded = self.net = self.entries = 0
        self._entry_ids: set[bytes] = set()
        self._twice: list[Finding] = []

    def take_sale(self, sale_id: str, sale: SaleAmounts | None) -> None:
        """Take a record of a sale, None for a tombstone; the last one counts."""
        self.sums.setdefault(sale_id, Sums()).sale = sale

    def take_entry(self, entry: Entry) -> None:
        """Take a ledger entry."""
        self.entries += 1
        name = entry.entry_id.encode()
        if name in self._entry_ids:
            self._twice.append(Finding(entry.sale_id, entry.dimension, f"entry {entry.entry_id} is there twice"))
        self._entry_ids.add(name)
        ledger = self.sums.setdefault(entry.sale_id, Sums()).ledger
        party = (entry.dimension, entry.party_id)
        ledger[party] = ledger.get(party, 0) + entry.amount_fen
        self.credited[party] += entry.amount_fen

    @property
    def sales(self) -> int:
        """How many sales stand."""
        return sum(sums.sale is not None for sums in self.sums.values())

    def findings(self) -> Iterator[Finding]:
        """Compare; call it once, it adds the totals up as well."""
        yield from self._twice
        for sale_id, sums in self.sums.items():
            held = {party: fen for party, fen in sums.ledger.items() if fen}
            if sums.sale is None:
                for (dimension, party), fen in held.items():
                    yield Finding(sale_id, dimension, f"no such sale, but the ledger leaves {fen} fen with {party}")
            else:
                self.paid += sums.sale.amount_fen
                self.refunded += sums.sale.refunded_fen
                self.net += sums.sale.net_fen
                yield from _compare(sale_id, sums.sale, held)

    def compare_line(self, sale_id: str, paid: int, refunded: int) -> Iterator[Finding]:
        """Compare a paid line of the order book (fen), and tick its sale off; after `findings`."""
        sums = self.sums.pop(sale_id, None)
        if sums is None or sums.sale is None:
            yield Finding(sale_id, None, f"{paid} fen paid by the order book, but there is no such sale")
            return
        if (sums.sale.amount_fen, sums.sale.refunded_fen) != (paid, refunded):
            here = f"paid {sums.sale.amount_fen}, refunded {sums.sale.refunded_fen}"
            yield Finding(sale_id, None, f"{here}; by the order book paid {paid}, refunded {refunded}")

    def without_order(self) -> Iterator[Finding]:
        """After all lines were compared: the sales that none of them has."""
        for sale_id, sums in self.sums.items():
            if sums.sale is not None:
                yield Finding(sale_id, None, "no paid order of the order book has it")


def _compare(sale_id: str, sale: SaleAmounts, held: dict[tuple[str, str], int]) -> Iterator[Finding]:
    if sale.amount_fen - sale.refunded_fen != sale.net_fen:
        text = f"{sale.amount_fen} paid - {sale.refunded_fen} refunded is not {sale.net_fen} net"
        yield Finding(sale_id, None, text)
    shown: Counter[tuple[str, str]] = Counter()
    for dimension, party, fen in sale.shown():
        shown[dimension, party] += fen
    for dimension in DIMENSIONS:
        for name, credits_ in (("shown", dict(shown)), ("ledger", held)):
            total = sum(fen for (of, _), fen in credits_.items() if of == dimension)
            if total != sale.net_fen:
                yield Finding(sale_id, dimension, f"{name} credits sum to {total}, net is {sale.net_fen}")
    for credit in sorted({*shown, *held}):
        dimension, party = credit
        if shown[credit] != held.get(credit, 0):
            text = f"{party} is shown with {shown[credit]}, the ledger has {held.get(credit, 0)}"
            yield Finding(sale_id, dimension, text)
