"""The same topology as a Bytewax dataflow, as its user guide writes them; run in an environment of its own.

`python bytewax_flow.py kafka BOOTSTRAP`: events one by one, by `stateful_flat_map`; with a third argument `batches`:
as many as an activation brings, by `stateful_batch`, which the guide keeps for those who need more control.

In its favour: edges inside the dataflow instead of topics, state as live objects that are never written (no recovery,
so after a crash all is read anew: at least once), and no look at the clock of each event. Identity is one key, as its
questions need one order. Journeys are keyed by the home partition of the buyer, as Livepool's topic is: what is known
of sessions and tokens is shared by the buyers of a partition. The board is keyed by session.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.run import cli_main

from in_memory import Dependents
from schemas.codec import Rejected
from streams.agents.dead_letters import origin_of
from streams.core.admission import Admission
from streams.core.board import Room, Session
from streams.core.intake import Arrived, arrive
from streams.core.journey import Journeys
from streams.core.messages import Message, RoomDelta
from streams.core.origin import Origin
from streams.core.outcome import Effects
from streams.core.policy import Policy
from streams.core.register import State
from streams.core.routing import routed
from streams.topology import INPUTS
from streams.transport.batches import Record

PARTITIONS = 1


class Step(ABC):
    """What an operator keeps of one key."""

    @abstractmethod
    def take(self, values: Iterable[Any]) -> list[Any]:
        """Messages for Kafka, and values for the next step."""

    def __deepcopy__(self, _: object) -> "Step":
        # Asked for at every epoch, recovery or not: a copy of all state would be a handicap.
        return self


class Identity(Step):
    """All events."""

    def __init__(self) -> None:
        self.admission = Admission(State({}, {}, {}, {}, {}, {}, {}))
        self.taken = 0

    def take(self, values: Iterable[Arrived]) -> list[Any]:
        self.admission.begin()
        for arrival, event in values:
            self.taken += 1
            self.admission.admit(event, arrival, self.taken)
        letters = [letter(*refused) for refused in self.admission.letters]
        return [*letters, *routed(self.admission.routes, PARTITIONS)]


class Journey(Step):
    """The buyers of one partition."""

    def __init__(self) -> None:
        self.journeys = Journeys(Policy(), {}, {}, Dependents())
        self.taken = 0

    def take(self, values: Iterable[tuple[int, Message]]) -> list[Any]:
        self.journeys.begin()
        for _, message in values:
            self.taken += 1
            self.journeys.apply(message, f"0.{self.taken}")
        self.journeys.profiles()
        return [*messages(self.journeys.effects), *self.journeys.deltas.by_session.values()]


class Board(Step):
    """One session."""

    def __init__(self) -> None:
        self.session = Session(Room.new())

    def take(self, values: Iterable[RoomDelta]) -> list[Any]:
        for delta in values:
            self.session.add(delta)
        room, effects = self.session.room, Effects()
        if room.started:
            data = self.session.snapshot(delta.session_id)
            effects.snapshot(delta.session_id, room.changes, room.latest or 0, data)
        return messages(effects)


class Batches(StatefulBatchLogic[Any, Any, None]):
    """A step that takes all values of an activation at once."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def on_batch(self, values: list[Any]) -> tuple[Iterable[Any], bool]:
        return self.step.take(values), StatefulBatchLogic.RETAIN

    def snapshot(self) -> None:
        return None


def intake(message: KafkaSourceMessage[bytes, bytes]) -> Arrived | KafkaSinkMessage[Any, Any]:
    _, timestamp = message.timestamp or (0, 0)
    record = Record(message.topic, message.partition, message.offset, timestamp, None, None, tuple(message.headers))
    origin, payload = origin_of(record), message.value or b""
    try:
        return arrive(payload, origin)
    except Rejected as rejected:
        return letter(rejected, payload, origin)


def letter(rejected: Rejected, payload: bytes, origin: Origin) -> KafkaSinkMessage[Any, Any]:
    headers = [("reason", rejected.reason.encode()), ("detail", rejected.detail.encode()), *origin.headers()]
    return KafkaSinkMessage(None, payload, topic="dead-letters", headers=headers)


def messages(effects: Effects) -> list[Any]:
    return [KafkaSinkMessage(key, value, topic=topic) for topic, key, value in effects.outputs]


def build(bootstrap: str, *, batches: bool) -> Dataflow:
    """The dataflow."""
    flow = Dataflow("livepool")
    outputs = []

    def keep(name: str, mixed: Any) -> Any:
        """Put aside what goes to Kafka; return the rest."""
        split = op.branch(f"{name}-out", mixed, lambda value: isinstance(value, KafkaSinkMessage))
        outputs.append(split.trues)
        return split.falses

    def step(name: str, up: Any, key: Callable[[Any], str], make: type[Step]) -> Any:
        keyed = op.key_on(f"{name}-key", up, key)
        if batches:
            down = op.stateful_batch(name, keyed, lambda _: Batches(make()))
        else:
            down = op.stateful_flat_map(name, keyed, lambda state, value: ((s := state or make()), s.take([value])))
        return keep(name, op.key_rm(f"{name}-unkey", down))

    source = kop.input("inputs", flow, brokers=[bootstrap], topics=list(INPUTS))
    arrivals = keep("intake", op.map("intake", source.oks, intake))
    routes = step("identity", arrivals, lambda _: "0", Identity)
    deltas = step("journey", routes, lambda route: str(route[0]), Journey)
    step("board", deltas, lambda delta: delta.session_id, Board)
    kop.output("outputs", op.merge("all", *outputs), brokers=[bootstrap], topic="dead-letters")
    return flow


if __name__ == "__main__":
    _, address, *more = sys.argv[1:]
    cli_main(build(address, batches=more == ["batches"]))
