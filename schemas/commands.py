"""What the merchant orders: input topic `commands` (spec §2)."""

from schemas.envelope import Data, Event, Ids


class IdentityUnlinkedData(Data):
    """The two sides that are not one buyer."""

    ids_a: Ids
    ids_b: Ids


class BuyerErasedData(Data):
    """The buyer whose identifiers and profile go."""

    ids: Ids


class IdentityUnlinked(Event[IdentityUnlinkedData], tag="identity.unlinked"):
    """The link between two sets of identifiers is withdrawn."""


class BuyerErased(Event[BuyerErasedData], tag="buyer.erased"):
    """A deletion request."""
