"""`explain`: why the lines of an order were credited as they were, for a person in a dispute."""

from pathlib import Path

import click

from schemas.codec import encode
from schemas.values import CHECKOUT_CARRIERS
from streams.cli.common import as_json, home_option, open_source, policy_option, say, settings_of
from streams.cli.connect import cluster_command
from streams.cli.language import lang_option
from streams.core.definitions import Language
from streams.core.explain import explain as explained
from streams.kept.orders import keys_of, known_order, missing
from streams.words.explanation import write


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
        keys = keys_of(log, order_id, carrier)
        if len(keys) > 1:
            carriers = [key.partition(":")[0] for key in keys]
            raise click.UsageError(
                f"{' and '.join(carriers)} both have an order {order_id}: add --carrier {carriers[0]}"
            )
        known = known_order(log, keys[0]) if keys else None
        if known is None:
            say(f"Error: {missing(log, order_id, known_key=bool(keys))}")
            raise click.exceptions.Exit(1)
        told = explained(known, settings.policy)
    if as_json:
        click.echo(encode(told))
    else:
        write(told, lang)
