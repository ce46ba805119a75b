"""Orders and refunds, computed by hand."""

from oracle import run
from oracle.build import anchors, event, line, order, paid, reasons, refund, sale, scanned, show, started


def test_a_full_refund_leaves_zeros() -> None:
    found = run([paid(0, "O1", line(101)), refund(50, refund_id="F1"), refund(51, refund_id="F2")])
    assert (found.ledger, found.sales["jd:O1:L1"]["anchors"], found.dead_letters) == ({}, [], [])


def test_a_refund_is_spread_over_the_credits_that_remain() -> None:
    lines = [started(anchors=("A1", "A2")), scanned(-1, session_id="S1"), paid(0, "O1", line(101))]
    assert anchors(*lines, refund(1)) == {"A1": 50, "A2": 50}  # 51/101 of a fen is more than 50/101
    assert anchors(*lines, refund(2)) == {"A1": 50, "A2": 49}


def test_a_refund_of_an_order_is_spread_over_its_lines_first() -> None:
    found = run([paid(0, "O1", line(100, "L1"), line(200, "L2"), line(0, "L3")), refund(10)])
    assert {k: s["refunded_fen"] for k, s in found.sales.items()} == {
        "jd:O1:L1": 3,
        "jd:O1:L2": 7,
        "jd:O1:L3": 0,
    }


def test_refunds_are_judged_in_order_of_time_over_all_that_arrived() -> None:
    late, early = refund(60, 20, "F2"), refund(70, 10, "F1")
    found = run([paid(), late, early])
    assert found.sales["jd:O1:L1"]["refunded_fen"] == 70
    assert [(d["reason"], d["offset"]) for d in found.dead_letters] == [("refund_exceeds_paid", 1)]


def test_a_refund_that_is_let_in_is_applied_after_all() -> None:
    big, small, first = refund(80, 20, "F2"), refund(30, 30, "F3"), refund(90, 10, "F1")
    assert sale(paid(), big, small, refund(10, 40, "F4"))["refunded_fen"] == 90  # 80 and 10
    assert sale(paid(), big, small, refund(10, 40, "F4"), first)["refunded_fen"] == 100  # 90 and 10


def test_a_refund_of_a_line_that_was_not_paid_exceeds() -> None:
    assert reasons(paid(), refund(1, line_id="L7")) == ["refund_exceeds_paid"]


def test_a_refund_before_its_payment_waits() -> None:
    assert reasons(refund(100)) == []
    assert reasons(refund(101), paid()) == ["refund_exceeds_paid"]
    assert sale(refund(100, -5), paid())["net_fen"] == 0


def test_a_refund_id_happens_once_per_carrier_the_first_by_time() -> None:
    found = run([paid(), paid(0, "O2"), refund(10, 20, "F1", "O1"), refund(20, 10, "F1", "O2")])
    assert [s["refunded_fen"] for s in found.sales.values()] == [0, 20]
    assert found.duplicates == 1


def test_an_order_is_paid_once_the_first_by_time_stands() -> None:
    found = run([paid(0, "O1", line(7), time=5), paid(0, "O1", line(9), time=4)])
    assert (found.sales["jd:O1:L1"]["amount_fen"], found.duplicates) == (9, 1)


def test_amendments_change_what_was_placed_not_what_was_paid() -> None:
    lines = [
        started(),
        order("placed", 0, "O1", line(100, session_id="S1")),
        paid(0, "O1", line(90, session_id="S1")),
    ]
    amended = [event("order.amended", m, order_id="O1", carrier="jd", lines=[{"line_id": k, "amount_fen": f}])
               for m, k, f in ((2, "L1", 80), (1, "L1", 70), (3, "L9", 60))]  # fmt: skip
    found = show(*lines, *amended)
    assert (found["gmv_created_fen"], found["gmv_paid_fen"]) == (80, 90)


def test_a_cancelled_order_stays_placed_and_a_payment_still_counts() -> None:
    named = line(session_id="S1")
    cancelled = event("order.cancelled", 1, order_id="O1", carrier="jd")
    found = show(started(), order("placed", 0, "O1", named), cancelled, paid(0, "O1", named))
    assert (found["orders_placed"], found["orders_paid"], found["gmv_created_fen"]) == (1, 1, 100)


def test_a_payment_without_its_order_counts_as_placed() -> None:
    found = show(started(), paid(0, "O1", line(session_id="S1")))
    assert (found["orders_placed"], found["gmv_created_fen"]) == (1, 100)


def test_the_placed_decision_comes_from_order_placed_alone() -> None:
    lines = [
        started(),
        started("S2"),
        order("placed", 0, "O1", line(session_id="S1")),
        paid(0, "O1", line(session_id="S2")),
    ]
    assert [show(*lines)[n] for n in ("orders_placed", "orders_paid")] == [1, 0]
    assert [show(*lines, session="S2")[n] for n in ("orders_placed", "orders_paid")] == [0, 1]


def test_sale_ids_are_percent_encoded() -> None:
    assert list(run([paid(0, "a:b", line(1, "5%"))]).sales) == ["jd:a%3Ab:5%25"]


def test_a_new_buyer_is_one_whose_first_paid_order_by_placed_at_this_is() -> None:
    found = run([paid(5, "O1"), paid(4, "O2", line(), line(1, "L2")), paid(4, "O3")]).sales
    assert [k for k, s in found.items() if s["new_buyer"]] == ["jd:O2:L1", "jd:O2:L2"]
