"""What is accepted, and the reason of everything else (spec §2, "Text and numbers", "Envelope")."""

import json

import pytest
from golden import EXAMPLES, JSON, changed, without
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import MAX_BYTES, Rejected, canonical, decode, encode, topic_of
from schemas.events import EVENT_TYPES, ContactIds, Ids

PAID, LINE, START = "order.paid", ("data", "lines", 0), "live.session.started"


def reason(payload):
    """Return why a payload is refused, and where."""
    with pytest.raises(Rejected) as refused:
        decode(payload)
    return refused.value.reason, refused.value.detail


def padded(size):
    """Return a valid event of so many bytes."""
    event = EXAMPLES["live.session.ended"] | {"padding": ""}
    return json.dumps(event | {"padding": "x" * (size - len(json.dumps(event)))}).encode()


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (padded(MAX_BYTES + 1), ("too_large", "65537 bytes, at most 65536 are allowed")),
        (b"", ("bad_json", "")),
        (b"\xff", ("bad_json", "")),
        (b"{", ("bad_json", "")),
        (b'{"id":NaN}', ("bad_json", "")),
        (b'{"id":"\\ud800"}', ("bad_json", "")),
        (b"\xef\xbb\xbf{}", ("bad_json", "")),
        (b"[]", ("bad_envelope", "the payload is not an object")),
        (b"{}", ("bad_envelope", "specversion")),
        (changed(PAID, "specversion", to="0.3"), ("bad_envelope", "specversion")),
        (changed(PAID, "specversion", to=1.0), ("bad_envelope", "specversion")),
        (changed(PAID, "id", to=""), ("bad_envelope", "id")),
        (changed(PAID, "id", to="x" * 129), ("bad_envelope", "id")),
        (changed(PAID, "id", to=7), ("bad_envelope", "id")),
        (changed(PAID, "id", to=None), ("bad_envelope", "id")),
        (changed(PAID, "source", to="x" * 257), ("bad_envelope", "source")),
        (without(PAID, "source"), ("bad_envelope", "source")),
        (changed(PAID, "type", to=5), ("bad_envelope", "type")),
        (changed(PAID, "type", to=""), ("bad_envelope", "type")),
        (changed(PAID, "time", to="2026-11-01T12:00:00"), ("bad_envelope", "time")),
        (changed(PAID, "time", to=1793534400), ("bad_envelope", "time")),
        (changed(PAID, "time", to=None), ("bad_envelope", "time")),
        (without(PAID, "data"), ("bad_envelope", "data")),
        (changed(PAID, "data", to=None), ("bad_envelope", "data")),
        (changed(PAID, "data", to=[]), ("bad_envelope", "data")),
        (changed(PAID, "type", to="order.shipped"), ("unknown_type", "order.shipped")),
        (without(PAID, "data", "order_id"), ("missing_field", "data.order_id")),
        (changed(PAID, "data", "order_id", to=None), ("missing_field", "data.order_id")),
        (without(PAID, *LINE, "item_id"), ("missing_field", "data.lines[0].item_id")),
        (changed(PAID, "data", "ids", to={}), ("missing_field", "data.ids")),
        (changed(PAID, "data", "ids", to={"qq": "1"}), ("missing_field", "data.ids")),
        (changed(PAID, "data", "ids", to={"unionid": None}), ("missing_field", "data.ids")),
        (changed("identity.unlinked", "data", "ids_b", to={}), ("missing_field", "data.ids_b")),
        (
            changed("pool.contact.added", "data", "ids", to={"unionid": "u"}),
            ("missing_field", "data.ids.external_userid"),
        ),
        (
            changed(PAID, "data", "order_id", to=6919485733894526975),
            ("wrong_type", "data.order_id: expected str"),
        ),
        (changed(PAID, "data", "order_id", to=""), ("wrong_type", "data.order_id")),
        (changed(PAID, "data", "carrier", to="amazon"), ("wrong_type", "data.carrier")),
        (changed(PAID, "data", "kind", to="vip"), ("wrong_type", "data.kind")),
        (changed(START, "data", "carrier", to="store_pos"), ("wrong_type", "data.carrier")),
        (changed(START, "data", "carrier", to="youzan"), ("wrong_type", "data.carrier")),
        (changed("live.viewer.entered", "data", "traffic", to="paid"), ("wrong_type", "data.traffic")),
        (changed("scan.code.scanned", "data", "code_kind", to="poster"), ("wrong_type", "data.code_kind")),
        (
            changed(PAID, "data", "placed_at", to="yesterday"),
            ("wrong_type", "data.placed_at: not an RFC 3339"),
        ),
        (changed(PAID, "data", "placed_at", to=1793534400), ("wrong_type", "data.placed_at")),
        (changed("token.registered", "data", "expires_at", to=""), ("wrong_type", "data.expires_at")),
        (changed(PAID, "data", "lines", to=[]), ("wrong_type", "data.lines")),
        (
            changed(PAID, "data", "lines", 1, "line_id", to="6919485733894592511"),
            ("wrong_type", "line_id occurs twice"),
        ),
        (
            changed("order.amended", "data", "lines", to=[{"line_id": "1", "amount_fen": 1}] * 2),
            ("wrong_type", "twice"),
        ),
        (changed(PAID, *LINE, "amount_fen", to=-1), ("wrong_type", "data.lines[0].amount_fen")),
        (
            changed(PAID, *LINE, "amount_fen", to=1.0),
            ("wrong_type", "data.lines[0].amount_fen: expected int, got float"),
        ),
        (changed(PAID, *LINE, "amount_fen", to="1"), ("wrong_type", "data.lines[0].amount_fen")),
        (changed(PAID, *LINE, "amount_fen", to=True), ("wrong_type", "data.lines[0].amount_fen")),
        (changed(PAID, *LINE, "quantity", to=0), ("wrong_type", "data.lines[0].quantity")),
        (changed(PAID, *LINE, "profit_fen", to=0.5), ("wrong_type", "data.lines[0].profit_fen")),
        (changed("refund.succeeded", "data", "amount_fen", to=0), ("wrong_type", "data.amount_fen")),
        (changed("live.viewer.liked", "data", "count", to=0), ("wrong_type", "data.count")),
        (changed(START, "data", "store_weights", to={"s": -1}), ("wrong_type", "data.store_weights")),
        (changed(START, "data", "store_weights", to={"": 1}), ("wrong_type", "data.store_weights")),
        (changed(START, "data", "anchor_ids", to=["a", None]), ("wrong_type", "data.anchor_ids[1]")),
        (changed(START, "data", "anchor_ids", to="a"), ("wrong_type", "data.anchor_ids")),
        (changed(PAID, "data", "token", to="a-b"), ("wrong_type", "data.token")),
        (changed(PAID, "data", "token", to="a\n"), ("wrong_type", "data.token")),
        (changed(PAID, "data", "token", to="x" * 31), ("wrong_type", "data.token")),
        (changed(PAID, "data", "ids", to=["openid"]), ("wrong_type", "data.ids")),
        (changed(PAID, "data", "ids", to={"phone_hash": "f" * 63}), ("wrong_type", "data.ids.phone_hash")),
        (
            changed(PAID, "data", "ids", to={"phone_hash": "f" * 63 + "\n"}),
            ("wrong_type", "data.ids.phone_hash"),
        ),
        (changed(PAID, "data", "ids", to={"member_id": 17}), ("wrong_type", "data.ids.member_id")),
        (changed(PAID, "data", "ids", to={"member_id": ""}), ("wrong_type", "data.ids.member_id")),
    ],
)
def test_reason_and_place_of_a_refusal(payload, wanted):
    why, where = reason(payload)
    assert why == wanted[0]
    assert wanted[1] in where


def test_the_first_reason_counts_in_the_contract_order():
    event = EXAMPLES[PAID]
    assert reason(b"{" * 70_000)[0] == "too_large"
    assert reason(json.dumps(event | {"type": "order.shipped", "time": "now"}).encode())[0] == "bad_envelope"
    lines = [{"line_id": 5, "item_id": "i", "quantity": 1}]  # a wrong type before a missing field
    data = event["data"] | {"carrier": "amazon", "lines": lines}
    assert reason(json.dumps(event | {"data": data}).encode()) == (
        "missing_field",
        "data.lines[0].amount_fen",
    )


@pytest.mark.parametrize(
    "payload",
    [
        padded(MAX_BYTES),
        changed(PAID, "id", to="号" * 128),
        changed(PAID, "data", "unknown", to={"deep": [1.5, None]}),
        changed(PAID, "subject", to=7),
        changed(PAID, "data", "kind", to=None),
        changed(PAID, "data", "ids", to={"unionid": None, "openid": "wx1:o1", "qq": 5}),
        changed(PAID, *LINE, "amount_fen", to=0),
        changed(PAID, *LINE, "profit_fen", to=-5),
        changed(PAID, "data", "carrier", to="store_pos"),
        changed("live.viewer.entered", "data", "scene", to=""),
        changed(START, "data", "anchor_ids", to=[]),
        changed(START, "data", "store_weights", to={}),
        changed("order.placed", "data", "ids", to={"openid": "no colon"}),
        changed("order.placed", "data", "ids", to={"phone_hash": "aB" * 32}),
    ],
)
def test_accepted(payload):
    assert decode(payload).type == json.loads(payload)["type"]


@pytest.mark.parametrize("amount", [2**53 + 1, 2**64, 2**70, 10**400, 10**4299])
def test_an_amount_may_be_of_any_size(amount):
    event = decode(changed(PAID, *LINE, "amount_fen", to=amount))
    assert event.data.lines[0].amount_fen == amount
    assert encode({"fen": -amount}) == b'{"fen":-%d}' % amount
    again = decode(changed(PAID, *LINE, "amount_fen", to=amount).replace(b'"kind": "normal"', b'"kind": null'))
    assert again.data.lines[0].amount_fen == amount  # by the careful way, too


def test_null_in_weights_is_an_absent_entry():
    event = decode(changed(START, "data", "store_weights", to={"a": 1, "b": None}))
    assert event.data.store_weights == {"a": 1}


def test_of_a_repeated_key_the_last_counts():
    payload = encode(EXAMPLES["order.cancelled"])
    assert decode(payload[:-1] + b',"id":"second"}').id == "second"
    twice = payload.replace(b'"data":', b'"data":{"order_id":5},"data":')
    assert decode(twice) == decode(payload)
    assert decode(encode(EXAMPLES["order.placed"])[:-1] + b',"type":"order.paid"}').type == "order.paid"
    assert reason(payload[:-1] + b',"type":"order.shipped"}')[0] == "unknown_type"


def test_depth_and_size_of_what_is_ignored_do_not_matter():
    for extra in (b"[" * 1000 + b"]" * 1000, b"1e999", b"-9" + b"9" * 9000, b'"\\u0000"'):
        payload = encode(EXAMPLES["order.cancelled"])[:-1] + b',"extra":' + extra + b"}"
        assert decode(payload).type == "order.cancelled"
        assert canonical(payload)
        assert topic_of(payload) == "checkout"


@pytest.mark.parametrize(
    "ignored",
    [
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\x41"',
        b'"\n"',
        b"01",
        b"1.",
        b"+1",
        b"NaN",
        b"tru",
        b"[1,]",
    ],
)
def test_what_is_ignored_must_be_json_as_well(ignored):
    payload = encode(EXAMPLES["order.cancelled"])[:-1] + b',"extra":' + ignored + b"}"
    assert reason(payload)[0] == "bad_json"
    assert topic_of(payload) is None


@given(st.text("01.e-+[]{},: \n\ttruefalsn", max_size=8) | st.text(max_size=8).map(json.dumps))
@settings(max_examples=500)
def test_what_is_ignored_is_judged_as_json_is(ignored):
    payload = encode(EXAMPLES["order.cancelled"])[:-1] + b',"extra":' + ignored.encode("utf-8", "replace") + b"}"
    try:
        json.loads(payload)
    except ValueError:
        assert reason(payload)[0] == "bad_json"
    else:
        assert decode(payload).type == "order.cancelled"


@pytest.mark.parametrize("bad", [b"1e999e1", b"01e999", b"1e999x", b"1e"])
def test_a_number_too_large_for_a_double_excuses_nothing_else(bad):
    payload = encode(EXAMPLES["order.cancelled"])[:-1] + b',"extra":1e999,"more":' + bad + b"}"
    assert reason(payload)[0] == "bad_json"
    assert topic_of(payload) is None


def test_detail_stays_short():
    assert len(reason(changed(PAID, "type", to="x" * 60_000))[1]) < 400
    assert len(reason(changed(PAID, "data", "carrier", to="x" * 60_000))[1]) < 400


def test_pairs_have_the_best_rank_first_and_device_id_only_alone():
    assert Ids(device_id="d", openid="wx1:o", unionid="u").pairs() == ["unionid:u", "openid:wx1:o"]
    assert Ids(device_id="d").pairs() == ["device_id:d"]
    contact = ContactIds(phone_hash="f" * 64, external_userid="wo1", device_id="d", unionid="u")
    assert contact.pairs() == ["unionid:u", "external_userid:wo1", f"phone_hash:{'f' * 64}"]
    with pytest.raises(ValueError, match="no identifier"):
        Ids()


def test_topic_follows_from_the_type_alone():
    for name, wanted in (("order.paid", "checkout"), ("share.opened", "qr-scan"), ("order.shipped", None)):
        assert topic_of(encode({"type": name, "padding": "x" * 100_000})) == wanted
    for payload in (b"", b"\xff", b"[]", b"{}", b'{"type":5}', b'{"type":["order.paid"]}', b'"order.paid"'):
        assert topic_of(payload) is None


@given(
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(
        lambda name, data: json.dumps(EXAMPLES[name] | {"data": data}).encode(),
        st.sampled_from(sorted(EVENT_TYPES)),
        JSON,
    )
)
@settings(max_examples=300)
def test_decode_raises_nothing_but_rejected(payload):
    canonical(payload)
    topic_of(payload)
    try:
        decode(payload)
    except Rejected as refused:
        assert refused.detail  # noqa: PT017 - most payloads are refused, and some are not


@given(st.sampled_from(sorted(EVENT_TYPES)), st.data())
@settings(max_examples=200)
def test_decode_survives_damaged_bytes(name, data):
    payload = bytearray(encode(EXAMPLES[name]))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    canonical(bytes(payload))
    topic_of(bytes(payload))
    try:
        decode(bytes(payload))
    except Rejected as refused:
        assert refused.reason in {"bad_json", "bad_envelope", "unknown_type", "missing_field", "wrong_type"}  # noqa: PT017
