"""The attribution policy: rules, their order, windows, horizon (spec §4, §7).

A policy is a TOML file merged with the defaults below and named by the hash of what results, so two
files that mean the same have the same version.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
LARGEST_NUMBER = 1_000_000_000  # of hours, minutes, days, events: all that has a meaning lies far below

LIVE_RULES = (
    "order_session", "order_room", "order_anchor", "order_token",
    "scan", "share", "item_click", "presence",
)  # fmt: skip
STORE_RULES = (
    "order_store", "order_token", "scan", "share",
    "pool_contact", "session_split", "seller", "session_store",
)  # fmt: skip
TOUCH_RULES = ("scan", "share", "item_click", "presence")  # those that a multi-touch model weighs
MODELS = ("rules", "first_touch", "last_touch", "linear", "position_based", "time_decay")
Model = Literal["rules", "first_touch", "last_touch", "linear", "position_based", "time_decay"]

TIERS = {
    "live": dict(zip(LIVE_RULES, ("certain",) * 3 + ("strong",) * 2 + ("medium",) * 2 + ("weak",), strict=True)),
    "store": dict(zip(STORE_RULES, ("certain",) + ("strong",) * 2 + ("medium",) * 3 + ("weak",) * 2, strict=True)),
}


class PolicyError(ValueError):
    """A policy that cannot be used; the text names the key."""


class LivePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the session, and through it anchor and mode, is found."""

    model: Model = "rules"
    half_life_days: float = 7.0
    rules: tuple[str, ...] = LIVE_RULES
    window_hours: dict[str, float] = msgspec.field(
        default_factory=lambda: {"scan": 168.0, "share": 168.0, "item_click": 168.0, "presence": 24.0}
    )


class StorePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the store that gets the credit is found."""

    rules: tuple[str, ...] = STORE_RULES
    window_hours: dict[str, float] = msgspec.field(default_factory=lambda: {"scan": 168.0, "share": 168.0})


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that decides, in the units of the file; the properties give milliseconds."""

    amend_horizon_hours: float = 48.0
    presence_timeout_minutes: float = 15.0
    timezone: str = "Asia/Shanghai"
    bad_share: float = 0.5
    bad_window: int = 1000
    live: LivePolicy = msgspec.field(default_factory=LivePolicy)
    store: StorePolicy = msgspec.field(default_factory=StorePolicy)

    @property
    def horizon(self) -> int:
        """Amend horizon in ms."""
        return round(self.amend_horizon_hours * HOUR_MS)

    @property
    def presence_timeout(self) -> int:
        """Presence timeout in ms."""
        return round(self.presence_timeout_minutes * MINUTE_MS)

    @property
    def version(self) -> str:
        """Content hash, 16 hex digits."""
        return blake2b(msgspec.json.encode(self, order="deterministic"), digest_size=8).hexdigest()


def load(document: Mapping[str, Any]) -> Policy:
    """A policy from a parsed TOML document; PolicyError names what is wrong."""
    defaults = msgspec.to_builtins(Policy())
    try:
        policy = msgspec.convert(_merged(defaults, document, ""), Policy, strict=True)
    except msgspec.ValidationError as error:
        raise PolicyError(str(error)) from None
    _check(policy)
    return policy


def _merged(defaults: dict[str, Any], document: Mapping[str, Any], path: str) -> dict[str, Any]:
    merged = dict(defaults)
    for key, value in document.items():
        name = f"{path}{key}"
        if key not in defaults:
            known = ", ".join(sorted(defaults))
            raise PolicyError(f"unknown key `{name}`; known here: {known}")
        if not isinstance(defaults[key], dict):
            merged[key] = value
        elif isinstance(value, Mapping):
            merged[key] = _merged(defaults[key], value, f"{name}.")
        else:
            raise PolicyError(f"`{name}` must be a table")
    return merged


def _check(policy: Policy) -> None:
    for part, section, known in (("live", policy.live, LIVE_RULES), ("store", policy.store, STORE_RULES)):
        for rule in section.rules:
            if rule not in known:
                raise PolicyError(f"unknown rule `{rule}` in `{part}.rules`; known: {', '.join(known)}")
        if len(set(section.rules)) != len(section.rules):
            raise PolicyError(f"`{part}.rules` names a rule twice")
        for rule, hours in section.window_hours.items():
            _check_number(f"{part}.window_hours.{rule}", hours)
    _check_number("amend_horizon_hours", policy.amend_horizon_hours)
    _check_number("presence_timeout_minutes", policy.presence_timeout_minutes)
    _check_number("bad_share", policy.bad_share)
    _check_number("live.half_life_days", policy.live.half_life_days, above_zero=True)
    _check_number("bad_window", policy.bad_window, above_zero=True)
    try:
        ZoneInfo(policy.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PolicyError(f"`timezone`: {policy.timezone!r} is not a known time zone") from None


def _check_number(name: str, number: float, *, above_zero: bool = False) -> None:
    if not 0 <= number <= LARGEST_NUMBER or (above_zero and number == 0):
        least = "above 0" if above_zero else "0 or more"
        raise PolicyError(f"`{name}` must be {least} and at most {LARGEST_NUMBER:,}, not {number}")
