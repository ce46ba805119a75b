"""The types say what the specification says: its tables (§2), written here a second time."""

import pytest
from msgspec.structs import fields

from schemas.events import EVENT_TYPES, TOPIC_OF_TYPE, Ids
from schemas.outputs import OUTPUT_TYPES, TOPIC_OF_OUTPUT
from schemas.topics import TOPICS
from schemas.values import CHECKOUT_CARRIERS, MODE_OF_CARRIER, NAMESPACES, SESSION_CARRIERS

VIEWER = "session_id ids"
CONTACT = "ids guide_id store_id? token?"
GROUP = "ids chat_id store_id? member_count? token?"
ORDER = "order_id carrier ids placed_at lines token? sharer_id? kind?"
INPUTS = {
    "live-room": {
        "live.session.started": "session_id room_id carrier anchor_ids store_ids? store_weights? title?",
        "live.session.ended": "session_id",
        "live.anchors.changed": "session_id anchor_ids",
        "live.viewer.entered": f"{VIEWER} scene? traffic? token? sharer_id?",
        "live.viewer.left": VIEWER,
        "live.viewer.commented": f"{VIEWER} count?",
        "live.viewer.liked": f"{VIEWER} count?",
        "live.viewer.shared": f"{VIEWER} count?",
        "live.viewer.followed": f"{VIEWER} count?",
        "live.viewer.joined_fan_club": f"{VIEWER} count?",
        "live.product.explained": "session_id item_id",
        "live.product.clicked": f"{VIEWER} item_id",
        "live.product.carted": f"{VIEWER} item_id",
    },
    "qr-scan": {
        "token.registered": "token store_id? guide_id? session_id? sharer_id? persona? expires_at?",
        "scan.code.scanned": "ids token? store_id? guide_id? session_id? scene? code_kind?",
        "share.opened": "ids sharer_id session_id?",
        "pool.contact.added": CONTACT,
        "pool.contact.removed": CONTACT,
        "pool.group.joined": GROUP,
        "pool.group.left": GROUP,
    },
    "checkout": {
        "order.placed": ORDER,
        "order.paid": ORDER,
        "order.amended": "order_id carrier lines",
        "order.cancelled": "order_id carrier",
        "refund.succeeded": "refund_id order_id carrier amount_fen line_id?",
    },
    "commands": {"identity.unlinked": "ids_a ids_b", "buyer.erased": "ids"},
}
COUNTS = """views viewers online peak_online avg_watch_seconds comments likes shares follows fan_club_joins
    product_clicks clickers scans scanners pool_joins orders_placed orders_paid buyers new_buyers units
    gmv_created_fen gmv_paid_fen refunded_fen gmv_net_fen"""
RATIOS = "conversion click_conversion average_order_fen uv_value_fen gpm_fen pool_rate refund_rate"
POOL = "buyer_id ids session_id? anchor_ids? store_id? guide_id? mode? sale_ids? net_fen?"
OUTPUTS = {
    "attributed-sales": {
        "sale.attributed": """sale_id order_id line_id buyer_id revision carrier item_id quantity placed_at
            paid_at amount_fen refunded_fen net_fen final_after session_id mode live store anchors stores
            modes guide_id sharer_id new_buyer considered policy"""
    },
    "credit-ledger": {"credit.posted": "entry_id sale_id revision dimension party_id amount_fen reason"},
    "pool-feedback": {
        "buyer.profile": """buyer_id ids stage tags home_store_id guide_id groups sessions_seen first_seen
            last_seen last_session_id orders net_fen last_order_at sharer_id reason"""
    },
    "pool-events": {
        "buyer.joined_pool": POOL,
        "buyer.left_pool": POOL,
        "buyer.purchased": POOL,
        "buyer.refunded": POOL,
        "buyer.merged": "buyer_id ids from to",
    },
    "room-metrics": {"room.snapshot": "session_id show last_10m previous_10m"},
}


def shape(struct):
    """Return the fields of a Struct in the notation of the specification."""
    return [f"{field.encode_name}{'' if field.required else '?'}" for field in fields(struct)]


def data_of(type_):
    return next(field.type for field in fields(type_) if field.name == "data")


@pytest.mark.parametrize(("topic", "types"), INPUTS.items())
def test_input_types_and_their_fields(topic, types):
    assert [name for name, of in TOPIC_OF_TYPE.items() if of == topic] == list(types)
    for name, wanted in types.items():
        assert shape(data_of(EVENT_TYPES[name])) == wanted.split(), name
        assert EVENT_TYPES[name].type == name


@pytest.mark.parametrize(("topic", "types"), OUTPUTS.items())
def test_output_types_and_their_fields(topic, types):
    assert [name for name, of in TOPIC_OF_OUTPUT.items() if of == topic] == list(types)
    for name, wanted in types.items():
        assert shape(data_of(OUTPUT_TYPES[name])) == wanted.split(), name


def test_order_line_and_amended_line():
    line = "line_id item_id quantity amount_fen seller_store_id? credit_store_id? session_id? room_id?"
    placed, amended = EVENT_TYPES["order.placed"], EVENT_TYPES["order.amended"]
    assert shape(line_of(placed)) == [*line.split(), "anchor_id?", "profit_fen?"]
    assert shape(line_of(amended)) == ["line_id", "amount_fen"]


def line_of(type_):
    lines = next(field.type for field in fields(data_of(type_)) if field.name == "lines")
    return lines.__origin__.__args__[0]


def test_a_snapshot_has_24_counts_and_7_ratios_in_each_window():
    for window in fields(data_of(OUTPUT_TYPES["room.snapshot"]))[1:]:
        assert shape(window.type) == [*COUNTS.split(), *RATIOS.split()]
    assert (len(COUNTS.split()), len(RATIOS.split())) == (24, 7)


def test_namespaces_in_rank_order():
    rank = """unionid external_userid phone_hash member_id openid douyin_open_id kuaishou_open_id jd_open_id
        taobao_open_uid youzan_user_id device_id"""
    assert list(NAMESPACES) == rank.split() == list(Ids.__struct_fields__)


def test_carriers_and_their_modes():
    portal, platform = (
        ["douyin", "kuaishou", "xigua", "huoshan"],
        ["jd", "tmall", "taobao", "suning", "pinduoduo"],
    )
    mini_program = ["wechat_mini_program", "wechat_channels"]
    assert set(SESSION_CARRIERS) == {*portal, *platform, *mini_program}
    assert SESSION_CARRIERS | {"store_pos", "youzan", "weimob"} == CHECKOUT_CARRIERS == MODE_OF_CARRIER.keys()
    modes = {"portal": portal, "platform": platform, "mini_program": [*mini_program, "youzan", "weimob"]}
    assert {c: m for m, carriers in modes.items() for c in carriers} | {"store_pos": "none"} == MODE_OF_CARRIER


def test_every_topic_is_described_and_every_type_has_a_topic():
    for name, topic in TOPICS.items():
        assert topic.name == name
        assert topic.description
        assert topic.producers
        assert topic.consumers
        assert bool(topic.event_types) == (topic.kind != "internal" and name != "dead-letters")
    assert {TOPICS[topic].kind for topic in TOPIC_OF_TYPE.values()} == {"input"}
    assert {TOPICS[topic].kind for topic in TOPIC_OF_OUTPUT.values()} == {"output"}


def test_only_what_holds_by_its_last_record_is_compacted_and_the_ledger_is_kept():
    assert {n for n, topic in TOPICS.items() if topic.compacted} == {
        "attributed-sales", "pool-feedback", "room-details", "room-metrics",
    }  # fmt: skip
    assert all(topic.retention_ms is None for topic in TOPICS.values() if topic.compacted)
    assert TOPICS["credit-ledger"].retention_ms is None
    assert TOPICS["arrivals"].partitions == 1
