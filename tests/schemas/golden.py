"""The golden examples, events made from them, and any JSON."""

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import schemas

HERE = Path(schemas.__file__).parent
EXAMPLES: dict[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((HERE / "examples").glob("*/*.json"))
}


def schema(name: str) -> Any:
    """Return the published JSON Schema of a type."""
    return json.loads((HERE / "json" / f"{name}.schema.json").read_text(encoding="utf-8"))


def changed(type_: str, *path: str | int, to: Any) -> bytes:
    """Return the example of a type with another value at `path`."""
    event = copy.deepcopy(EXAMPLES[type_])
    parent = event
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = to
    return json.dumps(event).encode()


def without(type_: str, *path: str | int) -> bytes:
    """Return the example of a type without what is at `path`."""
    event = copy.deepcopy(EXAMPLES[type_])
    parent = event
    for step in path[:-1]:
        parent = parent[step]
    del parent[path[-1]]
    return json.dumps(event).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
"""Any JSON value."""
