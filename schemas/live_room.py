"""What happens in a live room: input topic `live-room` (spec §2)."""

from schemas.envelope import Data, Event, Ids
from schemas.values import Count, Id, SessionCarrier, Token, Traffic, Weight


class SessionStartedData(Data):
    """`store_ids` are the stores that the room links, `store_weights` their shares of unclaimed credit."""

    session_id: Id
    room_id: Id
    carrier: SessionCarrier
    anchor_ids: list[Id]
    store_ids: list[Id] | None = None
    store_weights: dict[Id, Weight] | None = None
    title: str | None = None


class SessionEndedData(Data):
    """The end of one broadcast."""

    session_id: Id


class AnchorsChangedData(Data):
    """`anchor_ids` are on air from the event's time on; several are co-hosts."""

    session_id: Id
    anchor_ids: list[Id]


class ViewerEnteredData(Data):
    """`scene` is the launch scene code of the app, any text."""

    session_id: Id
    ids: Ids
    scene: str | None = None
    traffic: Traffic | None = None
    token: Token | None = None
    sharer_id: Id | None = None


class ViewerLeftData(Data):
    """A viewer left the room."""

    session_id: Id
    ids: Ids


class ViewerActionData(Data):
    """A comment, like, share, follow or fan club join; platforms may report several at once (`count`)."""

    session_id: Id
    ids: Ids
    count: Count | None = None


class ProductExplainedData(Data):
    """The anchor presents an item."""

    session_id: Id
    item_id: Id


class ProductTouchedData(Data):
    """A viewer clicked an item or put it into the cart."""

    session_id: Id
    ids: Ids
    item_id: Id


class SessionStarted(Event[SessionStartedData], tag="live.session.started"):
    """A broadcast began in a room."""


class SessionEnded(Event[SessionEndedData], tag="live.session.ended"):
    """A broadcast ended."""


class AnchorsChanged(Event[AnchorsChangedData], tag="live.anchors.changed"):
    """Other anchors are on air."""


class ViewerEntered(Event[ViewerEnteredData], tag="live.viewer.entered"):
    """A viewer came into the room."""


class ViewerLeft(Event[ViewerLeftData], tag="live.viewer.left"):
    """A viewer left the room."""


class ViewerCommented(Event[ViewerActionData], tag="live.viewer.commented"):
    """A viewer wrote a comment; its text never enters."""


class ViewerLiked(Event[ViewerActionData], tag="live.viewer.liked"):
    """A viewer liked the show."""


class ViewerShared(Event[ViewerActionData], tag="live.viewer.shared"):
    """A viewer shared the show."""


class ViewerFollowed(Event[ViewerActionData], tag="live.viewer.followed"):
    """A viewer followed the room."""


class ViewerJoinedFanClub(Event[ViewerActionData], tag="live.viewer.joined_fan_club"):
    """A viewer joined the fan club."""


class ProductExplained(Event[ProductExplainedData], tag="live.product.explained"):
    """The anchor presents an item."""


class ProductClicked(Event[ProductTouchedData], tag="live.product.clicked"):
    """A viewer opened an item."""


class ProductCarted(Event[ProductTouchedData], tag="live.product.carted"):
    """A viewer put an item into the cart."""
