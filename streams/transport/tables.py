"""What both transports ask of Faust's tables and supervision."""

from typing import Any

from faust.tables.manager import TableManager
from mode import CrashingSupervisor

from streams.transport.store import Store

# An exception in an agent ends the worker; the next one starts from the last commit.
CRASH_ONLY = {"agent_supervisor": CrashingSupervisor}


class Tables(TableManager):  # type: ignore[misc]  # Faust is untyped
    """Starts at once: Faust waits a second for the agents first, but the conductor waits for them, too."""

    async def on_start(self) -> None:
        """Start recovery."""
        await self._update_channels()
        await self.recovery.start()


def keeps_own_state(app: Any, changelog: str) -> bool:
    """Whether a topic is the changelog of a table that the transport itself makes durable and restores."""
    table = app.tables._changelogs.get(changelog)
    return table is not None and isinstance(table.data, Store)
