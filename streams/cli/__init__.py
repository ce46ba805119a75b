"""The command line: `livepool COMMAND`. Exit codes: 0 ok, 1 findings, 2 usage."""

import importlib

import click

# Command -> its module and the function in it; imported when it is asked for, so that `--help` is quick.
COMMANDS = {
    "demo": ("demo", "demo"),
    "worker": ("run", "worker"),
    "board": ("board", "board"),
    "token": ("board", "token"),
    "send": ("run", "send"),
    "tail": ("run", "tail"),
    "replay": ("replay", "replay"),
    "generate": ("data", "generate"),
    "import": ("data", "import_"),
    "rooms": ("look", "rooms"),
    "buyer": ("look", "buyer"),
    "explain": ("explain", "explain"),
    "audit": ("audit", "audit"),
    "identity": ("people", "identity"),
    "forget": ("people", "forget"),
    "policy": ("data", "policy"),
    "schemas": ("data", "schemas"),
    "doctor": ("doctor", "doctor"),
    "kafka": ("kafka", "kafka"),
    "topics": ("topics", "topics"),
    "lag": ("lag", "lag"),
    "dlq": ("dlq", "dlq"),
}


class Livepool(click.Group):
    """Commands in the order in which a newcomer meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"streams.cli.{module}"), name)
        return command


@click.group(cls=Livepool, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.version_option(package_name="livepool")
def main() -> None:
    """Who sold it? Livepool credits every paid order line to store, anchor and mode, live.

    Everything that a run keeps is under one folder: --home, LIVEPOOL_HOME, default .livepool.
    """
