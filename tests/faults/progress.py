"""How the group's committed offsets move over time, and how long they stand still after a fault."""

import time
from threading import Event, Thread
from typing import NamedTuple, Self

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from streams import topology
from streams.cluster.connection import Connection
from streams.cluster.topics import GROUP

_LOOK_SECONDS = 0.15
_ASK_MS = 3000


class Sample(NamedTuple):
    """Offsets of the agents' partitions; `begun` and `ended` is when they were asked for and known."""

    begun: float
    ended: float
    committed: dict[TopicPartition, int]
    ends: dict[TopicPartition, int]


class Progress:
    """Looks at the offsets again and again, in a thread, also while brokers are away."""

    def __init__(self, connection: Connection) -> None:
        self._settings = {
            **connection.kafka_python(),
            "request_timeout_ms": _ASK_MS,
            "bootstrap_timeout_ms": _ASK_MS,
        }
        self._stopped = Event()
        self.samples: list[Sample] = []
        self.failure: BaseException | None = None
        self._thread = Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def committed(self) -> int:
        """The sum of all committed offsets."""
        return sum(self.samples[-1].committed.values()) if self.samples else 0

    def waiting(self) -> int:
        """How many offsets lie before the group, markers of transactions included."""
        if not self.samples:
            return 0
        sample = self.samples[-1]
        return sum(end - sample.committed.get(tp, 0) for tp, end in sample.ends.items())

    def recovered(self, fault: float) -> bool:
        """Has each partition that had records waiting at a fault (monotonic) committed some since?

        Also false for good where nothing but markers of transactions was waiting: these are not committed.
        """
        after = [sample for sample in self.samples if sample.begun >= fault]
        return bool(after) and all(after[-1].committed.get(tp, 0) > stood for tp, stood in _waiting(after[0]).items())

    def recovery(self, fault: float, then: float) -> float | None:
        """Seconds from a fault (monotonic) until each partition that had records waiting has committed some.

        None when no partition had records waiting, or when the next fault came `then`, before that.
        """
        after = [sample for sample in self.samples if fault <= sample.begun]
        seconds = []
        for tp, stood in (_waiting(after[0]) if after else {}).items():
            at = next((sample.ended for sample in after if sample.committed.get(tp, 0) > stood), None)
            if at is not None and at > then:
                return None
            if at is not None:
                seconds.append(at - fault)
        return max(seconds, default=None)

    def _run(self) -> None:
        admin = None
        while not self._stopped.wait(_LOOK_SECONDS):
            try:
                admin = admin or KafkaAdminClient(**self._settings)
                self.samples.append(self._look(admin))
            except KafkaError:
                if admin is not None:
                    admin.close()
                admin = None
            except BaseException as error:
                self.failure = error
                return
        if admin is not None:
            admin.close()

    def _look(self, admin: KafkaAdminClient) -> Sample:
        begun = time.monotonic()
        described = admin.describe_topics([topic for agent in topology.AGENTS for topic in agent.reads])
        tps = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in described
            for partition in topic["partitions"]
        ]
        found = admin.list_group_offsets({GROUP: tps})[GROUP]
        ends = admin.list_partition_offsets(dict.fromkeys(tps, OffsetSpec.LATEST))
        return Sample(
            begun,
            time.monotonic(),
            {tp: place.offset for tp, place in found.items() if place.offset >= 0},
            {tp: place.offset for tp, place in ends.items()},
        )


def _waiting(sample: Sample) -> dict[TopicPartition, int]:
    """What is committed of the partitions that have offsets before the group."""
    committed = {tp: sample.committed.get(tp, 0) for tp in sample.ends}
    return {tp: stood for tp, stood in committed.items() if stood < sample.ends[tp]}
