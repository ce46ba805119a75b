"""An explanation (`core.explain`) as text, in Chinese or English, readable without colours at 80 columns."""

from collections.abc import Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text as Line

from schemas.values import parse_time
from streams.cli.language import name_of_carrier, name_of_mode, yuan
from streams.cli.words import CAUSES, CODES, DIMENSIONS, FIELDS, NONE, OUTCOMES, REFUNDS, RULES, SAY, TIERS
from streams.core.definitions import Language
from streams.cli.words import duration, moment_of

MOST_FINDINGS = 5  # of one rule; the rest is counted, --json has all

Told = dict[str, Any]


def write(told: Told, lang: Language, console: Console | None = None) -> None:
    """Print an explanation."""
    _Writer(told, lang, console or Console(highlight=False, soft_wrap=False)).write()


class _Writer:
    def __init__(self, told: Told, lang: Language, console: Console) -> None:
        self.told = told
        self.lang: Language = lang
        self.console = console
        self.zone = ZoneInfo(told["timezone"])
        self.placed_at = parse_time(told["placed_at"])
