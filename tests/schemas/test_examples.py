"""Every type has a golden example, and every example is what the contract says."""

import json

import jsonschema_rs
import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from golden import EXAMPLES, HERE, schema

from schemas.codec import Rejected, canonical, decode, encode, topic_of
from schemas.events import EVENT_TYPES
from schemas.outputs import OUTPUT_TYPES, TOPIC_OF_OUTPUT, DeadLetterHeaders, DeadLetterLine
from schemas.values import format_time, parse_time

DEAD_LETTERS = {"dead-letter.headers": DeadLetterHeaders, "dead-letter.line": DeadLetterLine}
EVENTS = sorted(EVENT_TYPES.keys() | OUTPUT_TYPES.keys())


def path(name):
    return next((HERE / "examples").glob(f"*/{name}.json"))


def without_nulls(value):
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def test_every_type_has_an_example_and_every_example_a_type():
    assert EXAMPLES.keys() == {*EVENTS, *DEAD_LETTERS}
    assert len(list((HERE / "examples").rglob("*.*"))) == len(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_validates_against_the_published_schema(name):
    validator = jsonschema_rs.validator_for(schema(name), validate_formats=True)
    assert [error.message for error in validator.iter_errors(EXAMPLES[name])] == []


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_input_example_decodes_to_what_it_says(name):
    payload = path(name).read_bytes()
    event, wanted = decode(payload), EXAMPLES[name]
    assert type(event) is EVENT_TYPES[name]
    assert (event.id, event.source, event.time) == (
        wanted["id"],
        wanted["source"],
        parse_time(wanted["time"]),
    )
    again = msgspec.to_builtins(event)
    for shown, text in ((again, wanted), (again["data"], wanted["data"])):
        for field in ("time", "placed_at", "expires_at"):
            if field in text:
                assert shown[field] == parse_time(text[field])
                shown[field] = text[field]
    assert without_nulls(again) == wanted
    assert topic_of(payload) == path(name).parent.name


@pytest.mark.parametrize("name", OUTPUT_TYPES)
def test_output_example_comes_back_the_same(name):
    payload = path(name).read_bytes()
    output = msgspec.json.decode(payload, type=OUTPUT_TYPES[name])
    assert without_nulls(json.loads(encode(output))) == without_nulls(EXAMPLES[name])
    assert TOPIC_OF_OUTPUT[name] == path(name).parent.name
    assert format_time(parse_time(output.time)) == output.time


@pytest.mark.parametrize("name", EVENTS)
def test_example_is_a_cloud_event(name):
    event = JSONFormat().read(CloudEvent, path(name).read_bytes())
    assert event.get_type() == name
    assert event.get_data() == EXAMPLES[name]["data"]


@pytest.mark.parametrize(("name", "struct"), DEAD_LETTERS.items())
def test_dead_letter_example_has_its_fields(name, struct):
    letter = msgspec.convert(EXAMPLES[name], struct)
    assert msgspec.to_builtins(letter) == EXAMPLES[name]


def test_dead_letter_example_is_refused_for_the_reason_that_it_gives():
    line, headers = EXAMPLES["dead-letter.line"], EXAMPLES["dead-letter.headers"]
    with pytest.raises(Rejected) as refused:
        decode(line["payload"].encode())
    assert (refused.value.reason, refused.value.detail) == (line["reason"], line["detail"])
    assert topic_of(line["payload"].encode()) == line["topic"] == headers["topic"]
    assert headers["reason"] == line["reason"]


def test_sale_example_adds_up():
    sale = EXAMPLES["sale.attributed"]["data"]
    assert sale["net_fen"] == sale["amount_fen"] - sale["refunded_fen"]
    for dimension in ("anchors", "stores", "modes"):
        assert sum(credit["amount_fen"] for credit in sale[dimension]) == sale["net_fen"]


def test_snapshot_example_has_the_ratios_of_its_counts():
    for window in ("show", "last_10m", "previous_10m"):
        w = EXAMPLES["room.snapshot"]["data"][window]
        for ratio, dividend, divisor in (
            ("conversion", w["buyers"], w["viewers"]),
            ("click_conversion", w["buyers"], w["clickers"]),
            ("pool_rate", w["pool_joins"], w["viewers"]),
            ("refund_rate", w["refunded_fen"], w["gmv_paid_fen"]),
        ):
            assert w[ratio] == (pytest.approx(dividend / divisor, abs=5.1e-5) if divisor else None)
        for ratio, dividend, divisor in (
            ("average_order_fen", w["gmv_paid_fen"], w["orders_paid"]),
            ("uv_value_fen", w["gmv_paid_fen"], w["viewers"]),
            ("gpm_fen", 1000 * w["gmv_paid_fen"], w["views"]),
        ):
            assert w[ratio] == (pytest.approx(dividend / divisor, abs=0.51) if divisor else None)
        assert w["gmv_net_fen"] == w["gmv_paid_fen"] - w["refunded_fen"]


def test_canonical_form_of_an_example_does_not_depend_on_how_it_is_written():
    for name in EVENT_TYPES:
        turned = json.dumps(dict(reversed(EXAMPLES[name].items())), indent=1).encode()
        assert canonical(turned) == canonical(path(name).read_bytes())
