"""Which language the terminal speaks."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from streams.core.definitions import Language


def from_locale(environment: Mapping[str, str] = os.environ) -> Language:
    """The language of the terminal: `zh` when the locale is a Chinese one, else `en`."""
    locale = next((text for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (text := environment.get(name))), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def lang_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--lang`."""
    return click.option(
        "--lang",
        type=click.Choice(["zh", "en"]),
        default=from_locale,
        help="Language.  [default: that of $LANG]",
    )(command)
