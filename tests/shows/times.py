"""Times of shows, in milliseconds since 1970, and how they are written."""

from datetime import UTC, datetime, timedelta

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_718_712_000_000  # 2024-06-18 20:00 in Shanghai
TAIL = START + 51 * HOUR  # every order of the first part has its horizon behind it


def stamp(time: int, hours: int = 0) -> str:
    """Return RFC 3339, in UTC or at an offset of some hours."""
    zone = timedelta(hours=hours)
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time) + zone
    return local.isoformat(timespec="milliseconds").removesuffix("+00:00") + (f"+{hours:02}:00" if hours else "Z")


def instant(text: str) -> int:
    """Return the milliseconds of what `stamp` wrote."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
