"""The policy file (spec §7): the given keys laid over the defaults, in milliseconds."""

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

HOUR = 3_600_000
MODELS = ("rules", "first_touch", "last_touch", "linear", "position_based", "time_decay")
DEFAULT: dict[str, Any] = {
    "amend_horizon_hours": 48,
    "presence_timeout_minutes": 15,
    "timezone": "Asia/Shanghai",
    "bad_share": 0.5,
    "bad_window": 1000,
    "live": {
        "model": "rules",
        "half_life_days": 7,
        "rules": ["order_session", "order_room", "order_anchor", "order_token",
                  "scan", "share", "item_click", "presence"],
        "window_hours": {"scan": 168, "share": 168, "item_click": 168, "presence": 24},
    },
    "store": {
        "rules": ["order_store", "order_token", "scan", "share", "pool_contact",
                  "session_split", "seller", "session_store"],
        "window_hours": {"scan": 168, "share": 168},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """The numbers of a policy; durations are exact milliseconds."""

    horizon: Fraction | int
    timeout: Fraction | int
    model: str
    half_life: Fraction
    rules: dict[str, list[str]]  # by decision: "live", "store"
    windows: dict[str, dict[str, Fraction | int]]
    version: str


def merged(default: dict[str, Any], given: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Return `given` over `default`; ValueError names a key that the default does not have."""
    result = dict(default)
    for key, value in given.items():
        if key not in default:
            raise ValueError(f"unknown key {where}{key}")
        is_table = isinstance(default[key], dict)
        result[key] = merged(default[key], value, f"{where}{key}.") if is_table else value
    return result


def load(given: dict[str, Any] | None) -> Policy:
    """Return the policy of a parsed file; ValueError for what spec §7 refuses."""
    whole = merged(DEFAULT, given or {})
    if whole["live"]["model"] not in MODELS:
        raise ValueError(f"unknown model {whole['live']['model']}")
    for decision in ("live", "store"):
        for rule in whole[decision]["rules"]:
            if rule not in DEFAULT[decision]["rules"]:
                raise ValueError(f"unknown rule {decision}.rules {rule}")
        for rule, hours in whole[decision]["window_hours"].items():
            if hours < 0:
                raise ValueError(f"negative window {decision}.window_hours.{rule}")
    return Policy(
        horizon=exact(whole["amend_horizon_hours"], HOUR),
        timeout=exact(whole["presence_timeout_minutes"], 60_000),
        model=whole["live"]["model"],
        half_life=Fraction(exact(whole["live"]["half_life_days"], 24 * HOUR)),
        rules={d: list(whole[d]["rules"]) for d in ("live", "store")},
        windows={d: {r: exact(h, HOUR) for r, h in whole[d]["window_hours"].items()} for d in ("live", "store")},
        version=hashlib.blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=8).hexdigest(),
    )


def exact(number: float, unit: int) -> Fraction | int:
    """Return the number of units in milliseconds, as it is written: 0.1 is one tenth."""
    product = Fraction(str(number)) * unit
    return int(product) if product.denominator == 1 else product
