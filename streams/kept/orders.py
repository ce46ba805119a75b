"""An order as the agents keep it: found by its id or a sale_id, and what there is to be said when it is not there."""

from collections.abc import Iterable

from schemas.values import CHECKOUT_CARRIERS
from streams.core.explain import Known
from streams.core.order_events import owner_of
from streams.core.orders import Order
from streams.core.packing import Unpacker
from streams.core.sales import order_name
from streams.home import APP_ID
from streams.kept.buyers import whole
from streams.kept.source import Entries, Source, Table
from streams.topology import AGENTS

_ORDER: Unpacker[Order] = Unpacker(Order)


def keys_of(log: Source, order_id: str, carrier: str | None) -> list[str]:
    """The keys in the order book of what is asked for: none, one, or one of each of several carriers."""
    carriers: Iterable[str] = [carrier] if carrier else sorted(CHECKOUT_CARRIERS)
    names = [order_name(one, order_id) for one in carriers]
    found = [name for name in names if log.state_get("orders", None, name.encode())]
    if found:
        return found
    # A sale_id, or the part of it that names the order.
    names = [order_id, order_id.rpartition(":")[0]]
    return [name for name in names if log.state_get("orders", None, name.encode())][:1]


def known_order(log: Source, key: str) -> Known | None:
    """What the state has of an order; None when neither its placing nor its payment has arrived."""
    order = _ORDER(log.state_get("orders", None, key.encode()) or b"")
    claim = order.paid or order.placed_view()
    if claim is None:
        return None
    buyer_id, claim = owner_of(claim, Table(log, "erasures", list[tuple[int, str]]), Table(log, "members", str))
    return Known(order, buyer_id, claim, whole(log, buyer_id), Entries(log))


def missing(log: Source, order_id: str, *, known_key: bool) -> str:
    """Why an order cannot be explained, and the next step."""
    tps = [tp for agent in AGENTS for topic in agent.reads for tp in log.partitions(topic)]
    if known_key:
        text = f"order {order_id} is known by an amendment or refund only: neither order.placed nor order.paid has come"
    else:
        text = f"no order {order_id} is known"
    if lag := log.lag(APP_ID, tps):
        return f"{text}. {lag} records are still to be processed: `livepool worker --drain`, then ask again"
    named = order_id.encode()
    letters = [record for record in log.read("dead-letters") if named in (record.value or b"")]
    if letters:
        reason = dict(reversed(letters[-1].headers))["reason"].decode()
        return f"{text}, but {len(letters)} dead letters name it, the last one {reason}: `livepool tail dead-letters`"
    return f"{text}, and nothing waits to be processed: check the id (a sale_id will do), or `livepool send` its events"
