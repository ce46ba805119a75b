"""The producer of a case: sends its records at a steady rate, in a thread, through any fault."""

import time
from itertools import islice
from threading import Event, Thread

from faults.lines import Sent
from streams.cluster.connection import Connection
from streams.cluster.sender import Sender

_STEP_SECONDS = 0.05
HELD_BACK = 0.05  # of the records: sent when the faults are over, so that it is seen that all goes on


class Feeder:
    """Sends `records`, so many a second; the last of them not before `finish`."""

    def __init__(self, connection: Connection, records: list[Sent], rate: float) -> None:
        self._records, self._rate = records, rate
        self._sender = Sender(connection)
        self._released = Event()
        self._failure: BaseException | None = None
        self.sent = 0
        self._thread = Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self, timeout: float) -> None:
        """Send the rest at once, and wait until the brokers have acknowledged everything."""
        self._released.set()
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"sent {self.sent} of {len(self._records)} records in {timeout:.0f} s"
        if self._failure is not None:
            raise self._failure
        self._sender.close()

    @property
    def waits(self) -> bool:
        """Everything is sent that is sent before `finish`."""
        return self.sent >= int(len(self._records) * (1 - HELD_BACK))

    def _run(self) -> None:
        try:
            outputs = (record.output(number) for number, record in enumerate(self._records))
            begun = time.monotonic()
            while self.sent < len(self._records):
                due = int((time.monotonic() - begun) * self._rate)
                if not self._released.is_set():
                    due = min(due, int(len(self._records) * (1 - HELD_BACK)))
                else:
                    due = len(self._records)
                chunk = list(islice(outputs, max(0, min(due - self.sent, 2000))))
                self._sender.send(chunk)
                self.sent += len(chunk)
                time.sleep(0 if len(chunk) == 2000 else _STEP_SECONDS)
            self._sender.flush()
        except BaseException as error:
            self._failure = error
