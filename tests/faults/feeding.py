"""The producer of a case: sends its records at a steady rate, in a thread, through any fault."""

import time
from itertools import islice
from threading import Thread
from typing import Self

from faults.lines import Sent
from streams.cluster.connection import Connection
from streams.cluster.sender import Sender

_STEP_SECONDS = 0.02
_CHUNK = 1000


class Feeder:
    """Sends `records`, so many a second, up to the share that `allow` has set."""

    def __init__(self, connection: Connection, records: list[Sent], rate: float) -> None:
        self._records, self._rate = records, rate
        self._sender = Sender(connection)
        self._allowed = 0
        self.failure: BaseException | None = None
        self.sent = 0
        self._ended = False
        self._thread = Thread(target=self._run, name="feeder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, whatever is left to send."""
        self._ended = True
        self._thread.join()
        self._sender.close()

    def allow(self, share: float) -> None:
        """Let this share of the records be sent, all faults so far included."""
        self._allowed = max(self._allowed, int(share * len(self._records)))

    @property
    def idle(self) -> bool:
        """All that may be sent is sent."""
        return self.sent >= self._allowed

    def finish(self, timeout: float) -> None:
        """Send the rest at once, and wait until the brokers have acknowledged everything."""
        self._rate = float("inf")
        self.allow(1)
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"sent {self.sent} of {len(self._records)} records in {timeout:.0f} s"
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            outputs = (record.output(number) for number, record in enumerate(self._records))
            last, budget = time.monotonic(), 0.0
            while self.sent < len(self._records) and not self._ended:
                now = time.monotonic()
                budget = min(budget + (now - last) * self._rate, _CHUNK)
                last = now
                if chunk := list(islice(outputs, min(self._allowed - self.sent, int(budget)))):
                    self._sender.send(chunk)
                    self.sent += len(chunk)
                    budget -= len(chunk)
                time.sleep(0 if len(chunk) == _CHUNK else _STEP_SECONDS)
            self._sender.flush()
        except BaseException as error:
            self.failure = error
