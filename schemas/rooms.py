"""The numbers of a live room: output topic `room-metrics` (spec §6)."""

from schemas.envelope import Output, Published
from schemas.values import Fen, Id, Number


class Window(Published):
    """Counts and ratios of a span of a session; people are buyers, a ratio by 0 is null."""

    views: Number
    viewers: Number
    online: Number
    peak_online: Number
    avg_watch_seconds: Number | None
    comments: Number
    likes: Number
    shares: Number
    follows: Number
    fan_club_joins: Number
    product_clicks: Number
    clickers: Number
    scans: Number
    scanners: Number
    pool_joins: Number
    orders_placed: Number
    orders_paid: Number
    buyers: Number
    new_buyers: Number
    units: Number
    gmv_created_fen: Fen
    gmv_paid_fen: Fen
    refunded_fen: Fen
    gmv_net_fen: int
    conversion: float | None
    click_conversion: float | None
    average_order_fen: Fen | None
    uv_value_fen: Fen | None
    gpm_fen: Fen | None
    pool_rate: float | None
    refund_rate: float | None


class SnapshotData(Published):
    """The whole show, the ten minutes up to the session's latest event, and the ten before those."""

    session_id: Id
    show: Window
    last_10m: Window
    previous_10m: Window


class RoomSnapshot(Output[SnapshotData], tag="room.snapshot"):
    """The numbers of a session changed; the last snapshot of a `session_id` holds."""
