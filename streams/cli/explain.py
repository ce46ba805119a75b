"""`explain`: why the lines of an order were credited as they were, for a person in a dispute."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from schemas.codec import encode
from schemas.values import CHECKOUT_CARRIERS
from streams.app import APP_ID
from streams.cli.common import Source, as_json, home_option, open_source, policy_option, say, settings_of
from streams.cli.connect import cluster_command
from streams.cli.explanation import write
from streams.cli.kept_buyer import whole
from streams.cli.language import lang_option
from streams.cli.published import Entries
from streams.core.definitions import Language
from streams.core.explain import Known
from streams.core.explain import explain as explained
from streams.core.order_events import owner_of
from streams.core.orders import Order
from streams.core.packing import Unpacker
from streams.core.sales import order_name
from streams.topology import AGENTS

_ORDER: Unpacker[Order] = Unpacker(Order)


@click.command()
@home_option
@policy_option
@click.argument("order_id")
@click.option("--carrier", type=click.Choice(sorted(CHECKOUT_CARRIERS)), help="When several have this order id.")
@lang_option
@as_json
def explain(
    home: Path | None, policy: Path | None, order_id: str, carrier: str | None, lang: Language, as_json: bool
) -> None:
    """Explain who got the credit of an order, and why nobody else did. A sale_id will do, too.

    A run knows the policy of its last worker; name another by --policy.
    """
    settings = settings_of(home, policy)
    with cluster_command(), open_source(home) as log, log.snapshot():
        key = _find(log, order_id, carrier)
        known = known_order(log, key) if key else None
        if known is None:
            say(f"Error: {_missing(log, order_id, known_key=key is not None)}")
            raise click.exceptions.Exit(1)
        told = explained(known, settings.policy)
    if as_json:
        click.echo(encode(told))
    else:
        write(told, lang)


def _find(log: Source, order_id: str, carrier: str | None) -> str | None:
    """The key of the order in the order book; several: exit code 2."""
    carriers = [carrier] if carrier else sorted(CHECKOUT_CARRIERS)
    found = [one for one in carriers if log.state_get("orders", None, order_name(one, order_id).encode())]
    if len(found) > 1:
        raise click.UsageError(f"{' and '.join(found)} both have an order {order_id}: add --carrier {found[0]}")
    if found:
        return order_name(found[0], order_id)
    # A sale_id, or the part of it that names the order.
    names = (order_id, order_id.rpartition(":")[0])
    return next((name for name in names if log.state_get("orders", None, name.encode())), None)


def known_order(log: Source, key: str) -> Known | None:
    """What the state has of an order; None when neither its placing nor its payment has arrived."""
    order = _ORDER(log.state_get("orders", None, key.encode()) or b"")
    claim = order.paid or order.placed_view()
    if claim is None:
        return None
    buyer_id, claim = owner_of(claim, _Table(log, "erasures", list[tuple[int, str]]), _Table(log, "members", str))
    return Known(order, buyer_id, claim, whole(log, buyer_id), Entries(log))


class _Table(Mapping[str, Any]):
    """A table of the state, read when it is asked."""

    def __init__(self, log: Source, name: str, type_: Any) -> None:
        self._log, self._name = log, name
        self._unpack: Unpacker[Any] = Unpacker(type_)

    def __getitem__(self, key: str) -> Any:
        value = self._log.state_get(self._name, None, key.encode())
        if value is None:
            raise KeyError(key)
        return self._unpack(value)

    def __iter__(self) -> Any:
        return (key.decode() for key, _ in self._log.state_scan(self._name))

    def __len__(self) -> int:
        return self._log.state_size(self._name)


def _missing(log: Source, order_id: str, *, known_key: bool) -> str:
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
