"""RFC 7396 merge patches: what turns one document into the next."""

from collections.abc import Mapping
from typing import Any


class NotAPatch(ValueError):  # noqa: N818 - it is not an error that anybody sees
    """A member becomes null, which a merge patch cannot say: it would take the member away."""


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The patch from one object to another; raises NotAPatch when there is none."""
    patch: dict[str, Any] = dict.fromkeys(name for name in before if name not in after)
    for name, value in after.items():
        if name in before and before[name] == value and type(before[name]) is type(value):
            continue
        old = before.get(name)
        if isinstance(value, dict):
            if isinstance(old, dict):
                if inner := difference(old, value):
                    patch[name] = inner
                continue
            if _has_null(value):
                raise NotAPatch(name)
        elif value is None:
            raise NotAPatch(name)
        patch[name] = value
    return patch


def _has_null(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and any(map(_has_null, value.values())))
