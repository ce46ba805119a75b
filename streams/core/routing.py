"""To which partition of `journeys` a message goes (design: everything about one buyer has one home)."""

from collections.abc import Iterable, Iterator

from schemas.topics import partition_of
from streams.core.messages import Await, Message


def home_of(key: str, partitions: int) -> int:
    """The partition of a buyer, or of a session."""
    return partition_of(key.encode(), partitions)


def routed(routes: Iterable[tuple[str | None, Message]], partitions: int) -> Iterator[tuple[int, Message]]:
    """Each message with its partition: reference data (no key) goes to all.

    Who moves from one partition to another is announced there first: it is not to be overtaken.
    """
    for key, message in routes:
        if key is None:
            yield from ((partition, message) for partition in range(partitions))
            continue
        for old_id, new_id in message.moves:
            home = home_of(new_id, partitions)
            if home_of(old_id, partitions) != home:
                yield home, Await(new_id, old_id)
        yield home_of(key, partitions), message
