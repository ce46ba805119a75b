"""The page where a show does not take it every day: a party vanishes, nothing is known, a stream is lost."""

from collections.abc import Iterator

import pytest

from web.page.conftest import PHONE
from web.page.stage import PARTY, Stage, listed, room, staged
from web.page.waiting import expect

UNKNOWN = "–"


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A server that says what the test wants."""
    with staged() as made:
        yield made


def with_stores(**net_fen):
    parties = {name: PARTY | {"net_fen": fen} for name, fen in net_fen.items()}
    return room("s1", store_ids=["T1", "T2"], parties={"store": parties, "anchor": {}, "mode": {}, "item": {}})


def at(stage, page, query="lang=en"):
    return f"{stage.url}?{query}#/{page}"


def test_a_party_that_vanishes_leaves_no_column_behind(stage, open_page):
    stage.show(with_stores(T1=1000, T2=2000, none=500))
    page = open_page(at(stage, "room/s1"))
    names = page.locator(".columns h3")
    expect(names).to_have_text(["T1", "T2", "nobody"])
    stage.show(with_stores(T1=1500, T2=2000))
    expect(page.locator(".columns data").first).to_have_attribute("value", "1500")
    expect(names).to_have_text(["T1", "T2"])


def test_what_is_not_known_is_not_called_fine(stage, open_page):
    problems = room("s1")["problems"] | {"lag": None}
    stage.show(room("s1", snapshot=None, funnel=None, problems=problems))
    page = open_page(at(stage, "room/s1"))
    expect(page.locator(".trouble .value")).to_have_text(["0", UNKNOWN, UNKNOWN, UNKNOWN])
    expect(page.locator(".trouble .state")).to_have_text(["fine", *["not known"] * 3])
    expect(page.locator(".verdict")).to_have_text("Nothing goes wrong, as far as it is known")


def test_a_sum_with_a_session_seen_in_part_is_not_known(stage, open_page):
    stage.list(listed("s1", 1000), listed("s2", 2000), listed("s3", None, live=False), listed("s4", 500, live=False))
    page = open_page(at(stage, ""))
    expect(page.locator("h2")).to_have_text(["2 live now · GMV net ¥30.00", f"2 ended · GMV net {UNKNOWN}"])


def test_a_number_on_a_card_tells_what_it_means_and_the_rest_leads_to_the_session(stage, open_page):
    stage.list(listed("s1", 1000))
    stage.show(room("s1"))
    page = open_page(at(stage, ""), PHONE)
    page.locator(".session .money data").tap()
    expect(page.get_by_role("tooltip").locator("strong")).to_have_text("GMV net")
    box = page.locator(".session .who").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**#/room/s1")


def test_what_a_store_may_not_know_of_a_buyer_is_a_dash(stage, open_page):
    stage.answers["buyers/b1"] = {
        "buyer_id": "b1",
        "stage": None,
        "tags": [],
        "home_store_id": None,
        "orders": 0,
        "net_fen": 0,
        "sessions_seen": None,
        "first_seen": None,
        "last_seen": None,
        "last_order_at": None,
        "sales": [],
    }
    page = open_page(at(stage, "buyer/b1"))
    expect(page.locator(".facts dd")).to_have_text([UNKNOWN, UNKNOWN, "0", "¥0.00", *[UNKNOWN] * 5])


SALE = {
    "carrier": "douyin",
    "placed_at": "2026-11-11T12:00:00Z",
    "buyer_id": "b1",
    "net_fen": 1,
    "live": {"rule": "scan", "tier": "strong"},
    "store": {"rule": "scan", "tier": "strong"},
}


def test_the_net_of_an_order_line_tells_what_it_means(stage, open_page):
    credits_ = {"anchor": [], "mode": [], "store": [{"party_id": "T1", "net_fen": 990}]}
    line = SALE | {"line_id": "1", "item_id": "i1", "quantity": 2, "net_fen": 990, "session_id": None}
    order = {"order_id": "o1", "state": "paid", "paid_at": None, "amount_fen": 990, "refunded_fen": 0, "text": []}
    stage.answers["orders/o1"] = SALE | order | {"lines": [line | {"credits": credits_}]}
    page = open_page(at(stage, "order/o1"))
    page.locator(".lines h2 data").hover()
    expect(page.get_by_role("tooltip").locator("strong")).to_have_text("Net")
    expect(page.locator(".lines h2")).to_have_text("Line 1 · i1 × 2 · ¥9.90")


@pytest.mark.parametrize("twice", ["more", "summary"])
def test_sales_asked_for_twice_come_once(stage, open_page, twice):
    stage.show(room("s1"))
    stage.answers["rooms/s1/sales"] = {"sales": [SALE | {"order_id": "o1"}], "next": "o1"}
    page = open_page(at(stage, "room/s1"))
    summary = page.locator("details:has(.sales) summary")
    summary.click()
    page.locator(".sales li").wait_for()
    stage.slow = 0.5
    if twice == "more":
        page.evaluate("() => { const more = document.querySelector('.sales ~ .more'); more.click(); more.click(); }")
        expected = 2
    else:  # while more are asked for: what is shown begins anew
        page.locator(".sales ~ .more").click()
        summary.click()
        summary.click()
        expected = 1
    page.wait_for_timeout(1_500)  # for one that comes too often
    page.locator(".sales li").nth(expected - 1).wait_for()
    assert page.locator(".sales li").count() == expected


def test_sales_asked_for_before_the_session_is_there_come_with_it(stage, open_page):
    stage.show(room("s1"))
    stage.answers["rooms/s1/sales"] = {"sales": [SALE | {"order_id": "o1"}], "next": None}
    stage.silent = 1.0
    page = open_page(at(stage, "room/s1"))
    page.locator("details:has(.sales) summary").click()
    page.locator(".sales li").wait_for()
    assert "rooms/null/sales" not in stage.asked


def test_a_session_may_be_called_as_the_interface_is(stage, open_page):
    stage.list()
    page = open_page(at(stage, "room/v1"), refused=True)
    page.get_by_text("There is no session v1").wait_for()
    assert "rooms/v1" in stage.asked


def test_a_stream_that_is_lost_is_not_hidden_by_another(stage, open_page):
    stage.show(room("s1"), room("s2"))
    page = open_page(at(stage, "compare/s1/s2"), gone=True)
    page.locator(".comparison data[value]").first.wait_for()
    page.wait_for_timeout(500)
    assert not page.locator(".banner").is_visible()
    stage.rebuilt.add("s1")
    page.locator(".banner").wait_for()
    page.wait_for_timeout(1_500)  # s2 goes on
    assert page.locator(".banner").is_visible()
    expect(page.locator(".banner")).to_contain_text("Connection lost")
    stage.rebuilt.clear()
    page.locator(".banner").wait_for(state="hidden")


def test_of_two_sessions_the_one_that_is_not_there_is_named(stage, open_page):
    stage.show(room("s1"))
    page = open_page(at(stage, "compare/s1/s2"), refused=True)
    page.get_by_text("There is no session s2").wait_for()


def test_a_session_seen_in_part_is_not_compared_and_the_page_says_why(stage, open_page):
    stage.show(room("s1"), room("s2", snapshot=None, funnel=None))
    page = open_page(at(stage, "compare/s1/s2"))
    page.get_by_text("Of session B you see only what concerns your stores").wait_for()
    assert not page.locator(".comparison").is_visible()


def test_a_page_whose_session_is_being_rebuilt_keeps_trying(stage, open_page):
    stage.show(room("s1"))
    page = open_page(at(stage, "room/s1"), gone=True)
    page.locator(".headline data[value]").first.wait_for()
    page.evaluate("window.sameDocument = true")
    stage.rebuilt.add("s1")
    page.locator(".banner").wait_for()
    asked = len(stage.asked)
    while "rooms/s1/stream" not in stage.asked[asked:]:  # the test has its time
        page.wait_for_timeout(100)
    assert "rooms/s1/stream" in stage.asked[asked:]
    assert page.locator(".banner").is_visible()
    assert page.locator(".headline").is_visible()
    stage.rebuilt.clear()
    page.locator(".banner").wait_for(state="hidden")
    assert page.evaluate("window.sameDocument")


def test_a_page_that_was_left_does_not_name_the_next(stage, open_page):
    stage.show(room("s1"))
    page = open_page(at(stage, "room/s1"))
    page.locator(".headline data[value]").first.wait_for()
    page.evaluate("""() => {
      window.held = new Map();
      const frame = window.requestAnimationFrame;
      const hold = (draw) => (window.held.set(window.held.size + 1, draw), window.held.size);
      window.requestAnimationFrame = (draw) => (draw.name === 'draw' ? hold(draw) : frame(draw));
      window.cancelAnimationFrame = (frame) => window.held.delete(frame);
    }""")
    stage.show(room("s1", room_id="another"))
    page.wait_for_function("() => window.held.size")
    page.evaluate("() => { location.hash = '#/totals'; }")
    page.locator(".totals").wait_for()
    page.evaluate("() => window.held.forEach((draw) => draw(performance.now()))")
    page.wait_for_timeout(500)
    assert page.title().startswith("Totals")
