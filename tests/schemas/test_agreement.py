"""The published JSON Schemas and the codec accept the same events, but for what JSON Schema cannot say."""

import copy
import json
import re

import jsonschema_rs
from golden import EXAMPLES, schema
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Rejected, decode
from schemas.events import EVENT_TYPES
from thoroughness import some

VALIDATORS = {name: jsonschema_rs.validator_for(schema(name), validate_formats=True) for name in EVENT_TYPES}
# What the codec refuses and JSON Schema cannot: 1.0 as an integer, a line_id that occurs twice.
STRICTER = re.compile("expected int.*got float|a line_id occurs twice")
VALUES = st.sampled_from([
    None, True, 0, 1, -1, 1.0, 1.5, 2**70, "", "x", "a-b", "x" * 31, "jd", "youzan", "normal",
    [], [None], ["a", "a"], {}, {"unionid": "u"}, {"unionid": None}, {"qq": "1"}, {"device_id": 5},
    "2026-11-01T12:00:00Z", "2026-02-30T12:00:00Z", "2026-11-01 12:00:00Z", "2026-11-01T12:00:00",
    "f" * 64, "f" * 64 + "\n",
]).map(copy.deepcopy)  # fmt: skip


def places(node, path=()):
    """Return the path of everything inside an event."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for step, part in inner for place in [(*path, step), *places(part, (*path, step))]]


@st.composite
def events(draw):
    """An example with up to three changes."""
    event = copy.deepcopy(EXAMPLES[draw(st.sampled_from(sorted(EVENT_TYPES)))])
    for _ in range(draw(st.integers(0, 3))):
        *path, last = draw(st.sampled_from([place for place in places(event) if place != ("type",)]))
        parent = event
        for step in path:
            parent = parent[step]
        change = draw(st.sampled_from(["replace", "delete", "add", "repeat"]))
        if change == "delete":
            del parent[last]
        elif change == "repeat" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        elif change == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["unknown", "openid", "token", "count"]))] = draw(VALUES)
        else:
            parent[last] = draw(VALUES)
    return event


@given(events())
@settings(max_examples=some(1500), deadline=None)
def test_codec_and_schema_agree(event):
    allowed = VALIDATORS[event["type"]].is_valid(event)
    try:
        decode(json.dumps(event).encode())
    except Rejected as refused:
        assert not allowed or STRICTER.search(refused.detail), refused.detail  # noqa: PT017
    else:
        assert allowed
