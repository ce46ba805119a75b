"""The shapes of the API's answers, for its OpenAPI document; the answers themselves are made by `views.documents`."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.rooms import Window
from schemas.sales import AnchorCredit, Considered, LiveDecision, ModeCredit, StoreCredit, StoreDecision
from schemas.values import CheckoutCarrier, Count, Fen, Id, Mode, Number, Reason, SessionCarrier, Stage, UtcText
from streams.core.definitions import Unit

Share = Fen | None
"""null where an amount is that of several stores, and not all of them are yours."""


class Strict(Struct, forbid_unknown_fields=True):
    """What is listed is all there is."""


class Headline(Strict):
    """The numbers of a list."""

    views: Number
    viewers: Number
    online: Number
    peak_online: Number
    orders_paid: Number
    gmv_paid_fen: Fen
    gmv_net_fen: int


class Head(Strict):
    """What a session is."""

    session_id: Id
    room_id: Id
    carrier: SessionCarrier
    mode: Mode
    live: bool
    started_at: UtcText
    ended_at: UtcText | None
    latest_at: UtcText
    anchor_ids: list[Id]
    store_ids: list[Id]


class ListedRoom(Head):
    """A session in the list; `show` is null where you may see your own sales only."""

    show: Headline | None


class RoomList(Strict):
    """Live ones first, then the newest first."""

    rooms: list[ListedRoom]


class Snapshot(Strict):
    """As in `room.snapshot` (spec §6)."""

    show: Window
    last_10m: Window
    previous_10m: Window


class Funnel(Strict):
    """From views to the private pool, of the show."""

    views: Number
    clicks: Number
    orders_placed: Number
    orders_paid: Number
    pool_joins: Number


class PartySum(Strict):
    """What a store, an anchor or a mode was credited, net of refunds; a shared sale counts for each."""

    sales: Number
    orders: Number
    units: Number
    net_fen: Fen


class ItemSum(Strict):
    """What an item sold."""

    sales: Number
    orders: Number
    units: Number
    paid_fen: Share
    refunded_fen: Share
    net_fen: Fen


class RuleSum(Strict):
    """What was credited by a rule."""

    sales: Number
    net_fen: Fen


class Parties(Strict):
    """Sums by party, `none` included."""

    store: dict[Id, PartySum]
    anchor: dict[Id, PartySum]
    mode: dict[Mode, PartySum]
    item: dict[Id, ItemSum]


class Credited(Strict):
    """Sums by `rule/tier` of either decision."""

    live: dict[str, RuleSum]
    store: dict[str, RuleSum]


class Unattributed(Strict):
    """What nobody is credited with, of which sum."""

    store_fen: Fen
    anchor_fen: Fen
    paid_fen: Share
    net_fen: Fen


class Problems(Strict):
    """What goes wrong; dead letters and lag are of the whole installation."""

    dead_letters_10m: dict[Reason, Number]
    dead_letters: dict[Reason, Number]
    lag: Number | None
    unattributed: Unattributed


Point = Annotated[list[int | None], Meta(min_length=3, max_length=3)]


class Room(Head):
    """A session. `series`: whole UTC minute (ms) -> [online, orders paid, net fen], by the time of placing."""

    snapshot: Snapshot | None
    funnel: Funnel | None
    parties: Parties
    credited: Credited
    series: dict[str, Point]
    problems: Problems
    version: Number
    as_of: UtcText | None


class Series(Strict):
    """Columns of equal length; minutes in UTC ms."""

    minutes: list[int]
    online: list[int | None]
    orders_paid: list[Number]
    net_fen: list[Fen]


class Sale(Strict):
    """The data of `sale.attributed` (spec §5), `considered` with one sale only."""

    sale_id: Id
    order_id: Id
    line_id: Id
    buyer_id: Id
    revision: Count
    carrier: CheckoutCarrier
    item_id: Id
    quantity: Count
    placed_at: UtcText
    paid_at: UtcText
    amount_fen: Share
    refunded_fen: Share
    net_fen: Fen
    final_after: UtcText
    session_id: Id | None
    mode: Mode
    live: LiveDecision
    store: StoreDecision
    anchors: list[AnchorCredit]
    stores: list[StoreCredit]
    modes: list[ModeCredit]
    guide_id: Id | None
    sharer_id: Id | None
    new_buyer: bool | None  # null: not told to a token for some stores
    policy: Id
    considered: list[Considered] | UnsetType = UNSET


class SalePage(Strict):
    """Placed last first; `next` is for `after`, null at the end."""

    sales: list[Sale]
    next: str | None


class Explanation(Struct):
    """What `livepool explain --json` gives, and the lines that it prints."""

    carrier: CheckoutCarrier
    order_id: Id
    state: Literal["paid", "placed"]
    buyer_id: Id
    placed_at: UtcText
    paid_at: UtcText | None
    amount_fen: Fen
    refunded_fen: Fen
    lines: list[dict[str, Any]]
    policy: Id
    timezone: Id
    processed: bool
    text: list[str]


class Stores(Strict):
    """Sums by store."""

    stores: dict[Id, PartySum]


class Anchors(Strict):
    """Sums by anchor."""

    anchors: dict[Id, PartySum]


class Modes(Strict):
    """Sums by mode."""

    modes: dict[Mode, PartySum]


class InBoth(Strict):
    """Both languages."""

    en: str
    zh: str


class Defined(Strict):
    """What a number means."""

    unit: Unit
    label: InBoth
    text: InBoth


class Buyer(Strict):
    """A buyer, without identifiers; null is what other stores' business would show through."""

    buyer_id: Id
    stage: Stage | None
    tags: list[str]
    home_store_id: Id | None
    orders: Number
    net_fen: Fen
    sessions_seen: Number | None
    first_seen: UtcText | None
    last_seen: UtcText | None
    last_order_at: UtcText | None
    sales: list[Sale]


class Status(Strict):
    """How the installation is."""

    version: str
    timezone: Id
    policy: Id
    ready: bool
    recovering: bool
    why: str | None
    lag: Number | None
    dead_letters: dict[Reason, Number]
    dead_letters_10m: dict[Reason, Number]
    behind_seconds: float | None
    as_of: UtcText | None
    sse_clients: Number
    sse_dropped: Number


class ProblemDetails(Strict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
