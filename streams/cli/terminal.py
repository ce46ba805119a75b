"""The terminal as it is: ids with brackets are no markup, and what is for machines goes out as bytes."""

import os
import sys
from typing import Any

from rich.console import Console

from schemas.codec import encode


def plain_console(*, stderr: bool = False) -> Console:
    """A console that prints text as it is given; colours only where the terminal has them."""
    return Console(highlight=False, markup=False, emoji=False, stderr=stderr)


def can_redraw() -> bool:
    """Can the screen be drawn anew: no pipe, no file, no dumb terminal."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def write_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.buffer.write(encode(value) + b"\n")
    sys.stdout.flush()
