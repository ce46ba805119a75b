"""Corners that random shows seldom reach; each was wrong once."""

from collections import Counter

import orjson
import pytest

from in_memory import run
from oracle import run as oracle
from streams.core.messages import AppliedRefund, Claim, Line, Paid
from streams.core.packing import Unpacker, pack

PLACED = "2024-06-18T12:00:00.000Z"


def event(id_: str, type_: str, time: str, /, source: str = "s", **data) -> bytes:
    envelope = {"specversion": "1.0", "id": id_, "source": source, "type": type_, "time": time, "data": data}
    return orjson.dumps(envelope)


def paid(id_: str, order_id: str = "O", ids=None, amount: int = 100, line_id: str = "1", **more) -> bytes:
    line = {"line_id": line_id, "item_id": "i", "quantity": 1, "amount_fen": amount, **more}
    ids = ids or {"unionid": "u"}
    return event(id_, "order.paid", PLACED, order_id=order_id, carrier="jd", ids=ids, placed_at=PLACED, lines=[line])


def refund(id_: str, refund_id: str, order_id: str, time: str, amount: int) -> bytes:
    return event(id_, "refund.succeeded", time, refund_id=refund_id, order_id=order_id, carrier="jd", amount_fen=amount)


def test_a_registration_of_the_same_moment_with_a_smaller_id_is_looked_at_whenever_it_comes():
    small = event("a", "token.registered", "2024-06-18T14:00:00Z", token="K", store_id="S1")
    large = event("b", "token.registered", "2024-06-18T14:00:00Z", token="K", store_id="S2")
    scan = event("c", "scan.code.scanned", "2024-06-18T11:00:00Z", ids={"unionid": "u"}, token="K")
    for lines in ([small, large, scan, paid("o")], [large, scan, paid("o"), small]):
        assert run(lines).sales["jd:O:1"]["stores"] == [{"store_id": "S1", "amount_fen": 100}]


def test_weights_of_many_co_hosts_may_be_larger_than_64_bits():
    lines = [paid("o", amount=10**6)]
    for number, hosts in enumerate((2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)):
        anchors = [f"a{host:02}" for host in range(hosts)]
        lines += [
            event(
                f"s{number}", "live.session.started", "2024-06-18T10:00:00Z",
                session_id=f"S{number}", room_id="R", carrier="douyin", anchor_ids=anchors,
            ),
            event(
                f"e{number}", "live.viewer.entered", f"2024-06-18T11:{number:02}:00Z",
                session_id=f"S{number}", ids={"unionid": "u"},
            ),
        ]  # fmt: skip
    policy = {"live": {"model": "time_decay"}}
    ours, theirs = run(lines, policy), oracle(lines, policy)
    assert ours.ledger == theirs.ledger
    assert sum(credit["amount_fen"] for credit in ours.sales["jd:O:1"]["anchors"]) == 10**6


def test_amounts_of_any_size_are_credited_and_refunded():
    amount = 10**40 + 7
    lines = [
        paid("o").replace(b'"amount_fen":100', b'"amount_fen":%d' % amount),
        refund("r", "R", "O", "2024-06-19T12:00:00Z", 1).replace(
            b'"amount_fen":1}', b'"amount_fen":%d}' % (amount - 1)
        ),
    ]
    result = run(lines)
    assert result.sales["jd:O:1"]["net_fen"] == 1
    assert result.ledger["jd:O:1", "mode", "platform"] == 1


@pytest.mark.parametrize("amount", [0, 91, 2**63, 2**64, 10**300])
def test_what_is_packed_is_unpacked(amount):
    claim = Claim("jd", "O", "b1", 1, "s", "i", 2, 3, None, None, [Line("1", "i", 1, amount)])
    message = Paid("b1", claim, [AppliedRefund("R", 1, "s", "i", {"1": amount})], 1, "order.paid")
    assert Unpacker(Paid)(pack(message)) == message


def test_no_event_id_is_used_twice_when_a_refund_goes_out_and_in_again():
    lines = [
        paid("p1", "o1", {"unionid": "u"}),
        paid("p2", "o2", {"unionid": "v"}),
        refund("e3", "r2", "o1", "2024-06-18T14:00:00Z", 100),
        refund("x", "r1", "o1", "2024-06-18T13:00:00Z", 50),
        refund("y", "r1", "o2", "2024-06-18T12:30:00Z", 10),
    ]
    assert not reused_ids(run(lines))


def test_ids_that_hold_nul_do_not_make_two_outputs_look_the_same():
    lines = [
        paid("p1", "q", {"unionid": "u"}, line_id="1\x001\x00store\x00x", credit_store_id="y"),
        paid("p2", "q2", {"unionid": "u"}, line_id="1", credit_store_id="x\x00sale\x00+"),
    ]
    assert not reused_ids(run(lines))


def test_a_merge_beside_the_event_that_brings_it_makes_final_what_is_past_the_horizon():
    """The links of an event may join a set that is not the event's own, where a withdrawn link stands between."""
    lines = [
        event("1", "identity.unlinked", "2024-07-01T00:00:00Z", ids_a={"unionid": "u"}, ids_b={"openid": "o"}),
        event("2", "identity.unlinked", "2024-07-01T00:00:00Z", ids_a={"unionid": "u"}, ids_b={"jd_open_id": "j"}),
        event("3", "live.viewer.liked", "2024-06-25T12:00:00Z", session_id="S", ids={"jd_open_id": "j"}),
        paid("4", ids={"openid": "o"}),
        event(
            "5", "live.viewer.liked", "2024-06-18T13:00:00Z", session_id="S",
            ids={"unionid": "u", "openid": "o", "jd_open_id": "j"},
        ),
        event(
            "6", "live.session.started", "2024-06-18T10:00:00Z",
            session_id="S", room_id="R", carrier="jd", anchor_ids=["a"],
        ),
        event("7", "live.viewer.entered", "2024-06-18T11:00:00Z", session_id="S", ids={"openid": "o"}),
    ]  # fmt: skip
    assert run(lines).sales["jd:O:1"]["live"]["rule"] == "none"


def test_an_event_for_a_set_that_fell_apart_before_it_had_any_knows_the_whole_set():
    names = {"unionid": "u", "openid": "o", "jd_open_id": "j"}
    lines = [
        event("1", "live.viewer.liked", "2024-06-18T11:00:00Z", session_id="S", ids=names),
        event(
            "2", "identity.unlinked", "2024-06-18T12:00:00Z",
            ids_a={"unionid": "u"}, ids_b={"openid": "o", "jd_open_id": "j"},
        ),
        event("3", "live.viewer.liked", "2024-06-18T13:00:00Z", session_id="S", ids={"jd_open_id": "j"}),
    ]  # fmt: skip
    (profile,) = [profile for profile in run(lines).profiles.values() if "unionid" not in profile["ids"]]
    assert profile["ids"] == {"openid": ["o"], "jd_open_id": ["j"]}


def reused_ids(result) -> list:
    ids = Counter((topic, record["id"]) for topic, records in result.topics.items() for _, record in records if record)
    return [id_ for id_, count in ids.items() if count > 1]
