"""Codes, shares and the private pool: input topic `qr-scan` (spec §2)."""

from schemas.envelope import ContactIds, Data, Event, Ids
from schemas.values import CodeKind, Id, Time, Token


class TokenRegisteredData(Data):
    """A token may name a store, a guide, a session and a sharer (spec §1, §4)."""

    token: Token
    store_id: Id | None = None
    guide_id: Id | None = None
    session_id: Id | None = None
    sharer_id: Id | None = None
    persona: str | None = None
    expires_at: Time | None = None


class CodeScannedData(Data):
    """A field of the scan itself beats that of its token (spec §4)."""

    ids: Ids
    token: Token | None = None
    store_id: Id | None = None
    guide_id: Id | None = None
    session_id: Id | None = None
    scene: str | None = None
    code_kind: CodeKind | None = None


class ShareOpenedData(Data):
    """`sharer_id` is the person who sent the link."""

    ids: Ids
    sharer_id: Id
    session_id: Id | None = None


class ContactData(Data):
    """`token` is WeCom's `State`."""

    ids: ContactIds
    guide_id: Id
    store_id: Id | None = None
    token: Token | None = None


class GroupData(Data):
    """`member_count` is the size of the group, as WeCom reports it."""

    ids: Ids
    chat_id: Id
    store_id: Id | None = None
    member_count: int | None = None
    token: Token | None = None


class TokenRegistered(Event[TokenRegisteredData], tag="token.registered"):
    """The registry learns what a token stands for."""


class CodeScanned(Event[CodeScannedData], tag="scan.code.scanned"):
    """A buyer scanned a code."""


class ShareOpened(Event[ShareOpenedData], tag="share.opened"):
    """A buyer opened what a sharer sent."""


class ContactAdded(Event[ContactData], tag="pool.contact.added"):
    """A buyer became a WeCom contact of a guide."""


class ContactRemoved(Event[ContactData], tag="pool.contact.removed"):
    """The contact ended."""


class GroupJoined(Event[GroupData], tag="pool.group.joined"):
    """A buyer joined a WeCom group."""


class GroupLeft(Event[GroupData], tag="pool.group.left"):
    """A buyer left a WeCom group."""
