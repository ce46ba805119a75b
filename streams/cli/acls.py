"""`topics acls`: the rights that each role needs on a cluster, printed or added."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from streams.cli.common import as_json, say
from streams.cli.connect import cluster_command, need_connection
from streams.cli.terminal import write_json
from streams.cluster.acl_admin import add_acls, in_words, missing_acls
from streams.cluster.acls import ROLES, Acl, commands
from streams.cluster.acls import acls as rights
from streams.cluster.session import admin_session


class _Principal(click.ParamType):
    name = "PRINCIPAL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(r"\w+:[^\s*'\"]+", value):
            return str(value)
        return self.fail(f"{value!r} is no principal such as User:livepool-worker", param, ctx)


def _role_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each role; the command gets them as `principals`."""

    @functools.wraps(command)
    def with_principals(**options: Any) -> None:
        principals = {role: options.pop(role) for role in ROLES}
        command(principals=principals, **options)

    found: Callable[..., Any] = with_principals
    for role, text in reversed(ROLES.items()):
        found = click.option(f"--{role}", multiple=True, type=_Principal(), help=f"For {text}.")(found)
    return found


@click.command()
@_role_options
@click.option("--apply", "add", is_flag=True, help="Add them to the cluster; nothing is taken away.")
@as_json
def acls(principals: Mapping[Any, tuple[str, ...]], add: bool, as_json: bool) -> None:
    """Print the least rights that principals need, as arguments for Kafka's kafka-acls, or add them.

    Give a principal as Kafka names it, for instance `--worker User:livepool --scrm User:CN=scrm`; each option may
    be given again. To add rights one must be a super user of the cluster.
    """
    if not any(principals.values()):
        raise click.UsageError("name at least one principal, for instance --worker User:livepool")
    wanted = rights(principals)
    if add:
        _add(wanted, as_json)
    elif as_json:
        write_json([acl._asdict() for acl in wanted])
    else:
        for line in commands(wanted):
            click.echo(f'kafka-acls.sh --bootstrap-server "$LIVEPOOL_BROKERS" {line}')


def _add(wanted: list[Acl], as_json: bool) -> None:
    with cluster_command(), admin_session(need_connection()) as admin:
        missing, more = missing_acls(admin, wanted)
        add_acls(admin, missing)
    if as_json:
        write_json({"added": [in_words(acl) for acl in missing], "beyond": [in_words(acl) for acl in more]})
        return
    for acl in missing:
        click.echo(f"+ {in_words(acl)}")
    click.echo(f"{len(missing)} rights added")
    if more:
        say(f"{len(more)} rights beyond what the roles need; take them away with kafka-acls.sh --remove:")
        for acl in more:
            say(f"  {in_words(acl)}")
