"""The store decision, rule by rule, computed by hand."""

from oracle.build import (
    DAY,
    at,
    contact,
    line,
    opened,
    paid,
    registered,
    sale,
    scanned,
    started,
    store,
    viewer,
)


def test_order_store_is_the_credit_store_of_the_line() -> None:
    named = line(credit_store_id="T1", seller_store_id="T2")
    assert store(scanned(-1, store_id="T3"), paid(0, "O1", named)) == ("order_store", {"T1": 100})


def test_order_token_gives_store_guide_and_sharer() -> None:
    found = sale(registered(-60, store_id="T1", guide_id="G1", sharer_id="H1"), paid(token="K1"))
    assert (found["store"]["rule"], found["guide_id"], found["sharer_id"]) == ("order_token", "G1", "H1")


def test_scan_store_names_the_guide_of_the_winning_scan() -> None:
    found = sale(scanned(-2, store_id="T1", guide_id="G1"), scanned(-1, store_id="T2", guide_id="G2"), paid())
    assert (found["stores"][0]["store_id"], found["guide_id"]) == ("T2", "G2")
    assert {"decision": "store", "rule": "scan", "outcome": "superseded"} in found["considered"]


def test_share_store_is_that_of_the_registration_that_names_both() -> None:
    known = [
        registered(-90, "K1", sharer_id="H1"),
        registered(-80, "K2", sharer_id="H1", store_id="T1", expires_at=at(-70)),
    ]
    assert store(*known, registered(5, "K3", sharer_id="H1", store_id="T2"), opened(-1), paid()) == (
        "share",
        {"T1": 100},
    )


def test_only_the_latest_share_counts_with_or_without_a_store() -> None:
    known = [registered(-90, sharer_id="H1", store_id="T1")]
    lines = [*known, opened(-2, "H1"), opened(-1, "H2"), paid(0, "O1", line(seller_store_id="T3"))]
    assert store(*lines) == ("seller", {"T3": 100})


def test_the_sharer_of_the_order_is_evidence_at_placed_at() -> None:
    known = [
        registered(-90, "K1", sharer_id="H1", store_id="T1"),
        registered(-90, "K2", sharer_id="H2", store_id="T2"),
    ]
    assert store(*known, opened(-1, "H1"), paid(sharer_id="H2")) == ("share", {"T2": 100})


def test_pool_contact_is_the_open_one_added_last() -> None:
    lines = [
        contact("added", -90 * DAY, "G1", store_id="T1"),
        contact("added", -80 * DAY, "G2", store_id="T2"),
    ]
    assert store(*lines, paid()) == ("pool_contact", {"T2": 100})
    assert store(*lines, contact("removed", -1, "G2"), paid()) == ("pool_contact", {"T1": 100})
    assert store(*lines, contact("removed", 1, "G2"), paid()) == ("pool_contact", {"T2": 100})
    assert store(*lines, contact("added", -1, "G1"), paid()) == ("none", {"none": 100})  # it names no store


def test_pool_contact_may_name_its_store_by_its_state() -> None:
    assert store(registered(-9, store_id="T1"), contact("added", -8, token="K1"), paid()) == (
        "pool_contact",
        {"T1": 100},
    )


def test_session_split_by_weights_with_the_largest_remainder() -> None:
    weights = {"T1": 1, "T2": 1, "T3": 1, "T4": 0}
    lines = [started(store_weights=weights), viewer("entered", -1), paid(0, "O1", line(100))]
    assert store(*lines) == ("session_split", {"T1": 34, "T2": 33, "T3": 33})


def test_weights_that_sum_to_zero_find_nothing_and_seller_follows() -> None:
    lines = [started(store_weights={"T1": 0}, store_ids=["T2"]), viewer("entered", -1)]
    assert store(*lines, paid(0, "O1", line(seller_store_id="T3"))) == ("seller", {"T3": 100})
    assert store(*lines, paid()) == ("session_store", {"T2": 100})


def test_session_store_needs_exactly_one_store() -> None:
    assert store(started(store_ids=["T1", "T2"]), viewer("entered", -1), paid()) == ("none", {"none": 100})
    assert store(started(store_ids=["T1", "T1"]), viewer("entered", -1), paid()) == (
        "session_store",
        {"T1": 100},
    )
