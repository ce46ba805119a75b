"""Table writes of agents that are not fed with record batches, until Faust commits."""

from collections import defaultdict


class PendingPuts(defaultdict[tuple[str, int], dict[bytes, bytes | None]]):
    """(table, partition) -> key -> value; None deletes. Agents read their writes here until they are committed."""

    def __init__(self) -> None:
        super().__init__(dict)

    def taken(self, partition: int | None = None) -> dict[tuple[str, int], dict[bytes, bytes | None]]:
        """Return a copy of what is to be written now, of one partition or of all."""
        return {where: dict(values) for where, values in self.items() if partition in (None, where[1])}

    def committed(self, taken: dict[tuple[str, int], dict[bytes, bytes | None]]) -> None:
        """Drop what was taken and is committed; what was written later stays for the next commit."""
        for where, values in taken.items():
            for key, value in values.items():
                if self[where].get(key) is value:
                    self[where].pop(key, None)
