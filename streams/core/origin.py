"""Where an event came from, which its dead letter tells, if it becomes one."""

from typing import NamedTuple

from schemas.values import format_time

Headers = tuple[tuple[str, bytes], ...]


class Origin(NamedTuple):
    """Where an event came from: the place of its record, when that was appended (UTC ms), the sender's headers."""

    topic: str
    partition: int
    offset: int
    appended: int = 0
    sent: Headers = ()

    def headers(self) -> Headers:
        """The same as headers of a dead letter (spec §5): our own come first."""
        return (
            ("topic", self.topic.encode()),
            ("partition", b"%d" % self.partition),
            ("offset", b"%d" % self.offset),
            ("time", format_time(self.appended).encode()),
            *self.sent,
        )
