"""Every input event of the contract in one place (spec §2). The JSON Schemas are generated from these types.

An event has `type`, `id`, `source`, `time` (UTC ms) and `data`. Fields with `None` as default are optional.
"""

from typing import get_args

from schemas.checkout import (
    AmendedLine,
    OrderAmended,
    OrderAmendedData,
    OrderCancelled,
    OrderCancelledData,
    OrderData,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    RefundData,
    RefundSucceeded,
)
from schemas.commands import BuyerErased, BuyerErasedData, IdentityUnlinked, IdentityUnlinkedData
from schemas.envelope import ContactIds, Data, Event, Ids
from schemas.live_room import (
    AnchorsChanged,
    AnchorsChangedData,
    ProductCarted,
    ProductClicked,
    ProductExplained,
    ProductExplainedData,
    ProductTouchedData,
    SessionEnded,
    SessionEndedData,
    SessionStarted,
    SessionStartedData,
    ViewerActionData,
    ViewerCommented,
    ViewerEntered,
    ViewerEnteredData,
    ViewerFollowed,
    ViewerJoinedFanClub,
    ViewerLeft,
    ViewerLeftData,
    ViewerLiked,
    ViewerShared,
)
from schemas.qr_scan import (
    CodeScanned,
    CodeScannedData,
    ContactAdded,
    ContactData,
    ContactRemoved,
    GroupData,
    GroupJoined,
    GroupLeft,
    ShareOpened,
    ShareOpenedData,
    TokenRegistered,
    TokenRegisteredData,
)

__all__ = [
    "EVENT_TYPES",
    "TOPIC_OF_TYPE",
    "AmendedLine",
    "AnchorsChanged",
    "AnchorsChangedData",
    "AnyEvent",
    "BuyerErased",
    "BuyerErasedData",
    "CodeScanned",
    "CodeScannedData",
    "ContactAdded",
    "ContactData",
    "ContactIds",
    "ContactRemoved",
    "Data",
    "Event",
    "GroupData",
    "GroupJoined",
    "GroupLeft",
    "IdentityUnlinked",
    "IdentityUnlinkedData",
    "Ids",
    "OrderAmended",
    "OrderAmendedData",
    "OrderCancelled",
    "OrderCancelledData",
    "OrderData",
    "OrderLine",
    "OrderPaid",
    "OrderPlaced",
    "ProductCarted",
    "ProductClicked",
    "ProductExplained",
    "ProductExplainedData",
    "ProductTouchedData",
    "RefundData",
    "RefundSucceeded",
    "SessionEnded",
    "SessionEndedData",
    "SessionStarted",
    "SessionStartedData",
    "ShareOpened",
    "ShareOpenedData",
    "TokenRegistered",
    "TokenRegisteredData",
    "ViewerActionData",
    "ViewerCommented",
    "ViewerEntered",
    "ViewerEnteredData",
    "ViewerFollowed",
    "ViewerJoinedFanClub",
    "ViewerLeft",
    "ViewerLeftData",
    "ViewerLiked",
    "ViewerShared",
]

LiveRoomEvent = (
    SessionStarted
    | SessionEnded
    | AnchorsChanged
    | ViewerEntered
    | ViewerLeft
    | ViewerCommented
    | ViewerLiked
    | ViewerShared
    | ViewerFollowed
    | ViewerJoinedFanClub
    | ProductExplained
    | ProductClicked
    | ProductCarted
)
QrScanEvent = TokenRegistered | CodeScanned | ShareOpened | ContactAdded | ContactRemoved | GroupJoined | GroupLeft
CheckoutEvent = OrderPlaced | OrderPaid | OrderAmended | OrderCancelled | RefundSucceeded
CommandsEvent = IdentityUnlinked | BuyerErased
AnyEvent = LiveRoomEvent | QrScanEvent | CheckoutEvent | CommandsEvent
"""The union that the codec decodes; `type` is its tag."""

EVENT_TYPES: dict[str, type[Event[Data]]] = {}
"""The Struct of each input type."""
TOPIC_OF_TYPE: dict[str, str] = {}
"""The input topic of each input type (spec §9: it follows from the type)."""
for _topic, _events in {
    "live-room": LiveRoomEvent,
    "qr-scan": QrScanEvent,
    "checkout": CheckoutEvent,
    "commands": CommandsEvent,
}.items():
    for _event in get_args(_events):
        _event.type = str(_event.__struct_config__.tag)
        EVENT_TYPES[_event.type] = _event
        TOPIC_OF_TYPE[_event.type] = _topic
