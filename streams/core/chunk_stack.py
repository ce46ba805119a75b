"""The chunks of a buyer as a stack of rows, each later than those below it, and the way through those with a mark.

Rules look at the latest evidence first and soon stop, so they `walk` from chunk to chunk. For each mark of its facts a
chunk says which is the next older one that has it, so nothing is read for what never happened.
"""

from collections.abc import Callable, Iterator

import msgspec

from streams.core.chunks import ITEM, Chunk, marked
from streams.core.cold import Cold, Rows, rows_of
from streams.core.facts import Fact, latest_first


class Newest(msgspec.Struct, array_like=True, tag="newest"):
    """The newest chunk with clicks of one item."""

    chunk: int


class ChunkStack:
    """The chunks of the buyers of one partition."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def push(self, buyer_id: str, cold: Cold, chunk: Chunk) -> None:
        """Put a chunk on top."""
        for mark in chunk.marks():
            chunk.older[mark] = self._newest(buyer_id, cold, mark)
            self._set_newest(buyer_id, cold, mark, cold.chunks)
        self._rows[_key(buyer_id, cold.chunks)] = chunk
        cold.chunks += 1

    def pop(self, buyer_id: str, cold: Cold) -> Chunk:
        """Take the top chunk off."""
        cold.chunks -= 1
        chunk = self._chunk(buyer_id, cold.chunks)
        del self._rows[_key(buyer_id, cold.chunks)]
        cold.silent = {mark: span for mark, span in cold.silent.items() if span[0] < cold.chunks}
        for mark, older in chunk.older.items():
            self._set_newest(buyer_id, cold, mark, older)
        return chunk

    def walk(
        self, buyer_id: str, cold: Cold, mark: str, tells: Callable[[Fact], bool], for_all: bool
    ) -> Iterator[Fact]:
        """The frozen facts with a mark that tell something, the latest first.

        `for_all`: does `tells` say what today's orders will hear, too. Then the chunks without a word are passed over
        from now on (`Cold.silent`). News recalls everything whose meaning it may change, and so forgets this, too.
        """
        newest = number = self._newest(buyer_id, cold, mark)
        silent_to, silent_from = cold.silent.get(mark, (-1, -1)) if for_all else (-1, -1)
        heard = not for_all
        while number is not None:
            if silent_from < number <= silent_to:
                number = silent_from if silent_from >= 0 else None
                continue
            chunk = self._chunk(buyer_id, number)
            for fact in sorted(marked(chunk.all(), mark), key=latest_first):
                if tells(fact):
                    if not heard and newest is not None:
                        cold.silent[mark], heard = (newest, number), True
                    yield fact
            number = chunk.older[mark]
        if not heard and newest is not None:
            cold.silent[mark] = newest, -1

    def _chunk(self, buyer_id: str, number: int) -> Chunk:
        chunk = self._rows.get(_key(buyer_id, number))
        assert isinstance(chunk, Chunk)  # noqa: S101 - a frozen buyer without its chunks is a broken state
        return chunk

    def _newest(self, buyer_id: str, cold: Cold, mark: str) -> int | None:
        """The newest chunk with a mark; those of items are too many to be known by heart."""
        if not cold.chunks:
            return None
        if not mark.startswith(ITEM):
            return cold.newest.get(mark)
        row = self._rows.get(rows_of(buyer_id) + mark)
        return row.chunk if isinstance(row, Newest) else None

    def _set_newest(self, buyer_id: str, cold: Cold, mark: str, number: int | None) -> None:
        if mark.startswith(ITEM):
            key = rows_of(buyer_id) + mark
            if number is None:
                del self._rows[key]
            else:
                self._rows[key] = Newest(number)
        elif number is None:
            del cold.newest[mark]
        else:
            cold.newest[mark] = number


def _key(buyer_id: str, number: int) -> str:
    return f"{rows_of(buyer_id)}chunk {number}"
