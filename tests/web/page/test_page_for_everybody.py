"""The page for everybody: keyboard, screen readers (axe), both languages, themes and sizes."""

import re
from urllib.parse import quote

import orjson
import pytest

from cli.homes import as_json
from web.page.conftest import PHONE, WALL
from web.page.node import HERE
from web.page.waiting import expect

AXE = (HERE / "vendor" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIOLATIONS = """async (rules) => (await axe.run(document, {runOnly: rules})).violations.map(
  (found) => [found.id, found.nodes.map((node) => node.html.slice(0, 120)).slice(0, 3)])"""
LANGUAGES = pytest.mark.parametrize("lang", ["zh", "en"])


@pytest.fixture(scope="module")
def places(world):
    """Every page of the board, as the part of the address after the query."""
    first, second = [quote(room["session_id"], safe="") for room in world.rooms()[:2]]
    largest = quote(world.largest()["session_id"], safe="")
    sale = orjson.loads(next(iter(world.home.outputs()["attributed-sales"].values())))["data"]
    return {
        "room": f"#/room/{largest}",
        "rooms": "#/",
        "totals": "#/totals",
        "compare": f"#/compare/{first}/{second}",
        "order": f"#/order/{sale['order_id']}?carrier={sale['carrier']}",
        "buyer": f"#/buyer/{sale['buyer_id']}",
        "unknown": "#/room/nobody-knows-it",
    }


READY = {
    "room": ".headline data[value]",
    "rooms": ".session data[value]",
    "totals": ".parties .store data[data-def=party_net_fen][value]",
    "compare": ".comparison data[value]",
    "order": ".explanation",
    "buyer": ".sales li",
    "unknown": "main [role=alert]",
}


def opened(open_page, world, places, name, size=WALL, query="lang=en"):
    page = open_page(f"{world.url}?{query}{places[name]}", size, refused=name == "unknown")
    page.locator(READY[name]).first.wait_for()
    return page


@pytest.mark.parametrize(
    ("size", "lang", "theme"),  # each with each of the others
    [(WALL, "zh", "dark"), (WALL, "en", "light"), (PHONE, "zh", "light"), (PHONE, "en", "dark")],
)
def test_axe_finds_nothing_on_the_board(world, open_page, places, size, lang, theme):
    page = opened(open_page, world, places, "room", size, f"lang={lang}&theme={theme}")
    for closed in page.locator("details").all():
        closed.evaluate("node => { node.open = true; }")
    page.locator(".as-table").click()
    page.locator(".sales li").first.wait_for()
    page.evaluate(AXE)
    assert page.evaluate(VIOLATIONS, RULES) == []


@pytest.mark.parametrize("name", ["rooms", "totals", "compare", "order", "buyer", "unknown"])
def test_axe_finds_nothing_on_the_other_pages(world, open_page, places, name):
    page = opened(open_page, world, places, name, query="lang=zh&theme=light")
    page.evaluate(AXE)
    for width, height in (WALL, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(VIOLATIONS, RULES) == []


@LANGUAGES
def test_nothing_scrolls_sideways(world, open_page, places, lang):
    page = opened(open_page, world, places, "unknown", query=f"lang={lang}")
    for name, ready in READY.items():
        page.evaluate("hash => { location.hash = hash; }", places[name])
        page.locator(ready).first.wait_for()
        for closed in page.locator("main details").all():
            closed.evaluate("node => { node.open = true; }")
        for width, height in (WALL, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_both_languages_say_money_in_their_way(world, open_page, places):
    money = ".headline data[data-def=gmv_net_fen]"
    chinese = opened(open_page, world, places, "room", query="lang=zh")
    expect(chinese.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(chinese.locator(money)).to_have_text(re.compile("元$"))
    expect(chinese.locator("html")).to_have_attribute("data-trend", "red-up")
    chinese.locator(".set-lang").click()
    expect(chinese.locator("html")).to_have_attribute("lang", "en")
    expect(chinese.locator(money)).to_have_text(re.compile("^¥"))
    expect(chinese).to_have_url(re.compile("lang=en"))


def test_trend_colours_are_a_choice_that_stays(world, open_page, places):
    page = opened(open_page, world, places, "room", query="lang=zh")
    colour = "getComputedStyle(document.documentElement).getPropertyValue('--up')"
    red = page.evaluate(colour)
    page.locator(".set-trend").click()
    expect(page.locator("html")).to_have_attribute("data-trend", "green-up")
    assert page.evaluate(colour) != red
    page.goto(f"{world.url}{places['room']}")
    expect(page.locator("html")).to_have_attribute("data-trend", "green-up")


def test_changes_are_told_by_arrow_sign_and_word(world, open_page, places):
    page = opened(open_page, world, places, "room")
    found = page.locator(".tile .delta[data-direction=up], .tile .delta[data-direction=down]")
    found.first.wait_for()
    for text in found.all_inner_texts():
        parts = text.split()
        assert (parts[0], parts[1][0], parts[-1]) in {("▲", "+", "more"), ("▼", "−", "less")}


def test_every_number_has_a_definition(world, open_page, places):
    page = opened(open_page, world, places, "room")
    for name in ("gmv_net_fen", "online", "conversion", "pool_joins"):
        page.locator(f".headline .term[data-def={name}]").first.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        tip = page.get_by_role("tooltip")
        expect(tip.locator("strong")).to_have_text(page.locator(f".term[data-def={name}]").first.inner_text())
        assert len(tip.locator("p").first.inner_text()) > 10
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_have_count(0)
    page.locator(".parties .store data").first.hover()
    expect(page.get_by_role("tooltip")).to_be_visible()
    undefined = "all => all.filter((one) => !one.closest('[data-def]')).length"
    assert page.locator("main data").evaluate_all(undefined) == 0


def test_a_tap_tells_what_a_number_means(world, open_page, places):
    page = opened(open_page, world, places, "room", PHONE)
    page.locator(".tile .value").first.tap()
    expect(page.get_by_role("tooltip")).to_be_visible()
    page.locator("h1").tap()
    expect(page.get_by_role("tooltip")).to_have_count(0)


def test_the_keyboard_is_enough(world, open_page, places):
    page = opened(open_page, world, places, "room")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    orders = page.locator(".parties .store .sort[data-def=party_orders]")
    orders.focus()
    expect(orders).to_have_css("outline-style", "solid")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    ascending = page.locator(".parties .store th[aria-sort=ascending]")
    expect(ascending).to_have_text(re.compile("^Orders"))
    page.reload()
    expect(ascending).to_have_text(re.compile("^Orders"))
    page.get_by_role("searchbox").focus()
    order_id = places["order"].split("/")[2].split("?")[0]
    page.keyboard.type(order_id)
    page.keyboard.press("Enter")
    page.locator(READY["order"]).wait_for()
    expect(page.locator("h1")).to_contain_text(order_id)
    page.go_back()
    page.locator(READY["room"]).first.wait_for()


def test_the_explanation_is_that_of_the_command_line(world, open_page, places):
    page = opened(open_page, world, places, "order")
    order_id, carrier = places["order"].split("/")[2].split("?carrier=")
    told = as_json("explain", order_id, "--carrier", carrier, "--home", world.home.path)
    expect(page.locator(".lines > li")).to_have_count(len(told["lines"]))
    for line in told["lines"]:
        expect(page.locator(".explanation")).to_contain_text(line["sale_id"])


def test_a_screen_reader_gets_charts_in_words_and_as_a_table(world, open_page, places):
    page = opened(open_page, world, places, "room")
    plots = page.locator(".plot[role=img]")
    expect(plots).to_have_count(3)
    for plot in plots.all():
        expect(plot).to_have_attribute("aria-label", re.compile("highest"))
    page.locator(".as-table").click()
    rows = page.locator(".trend tbody tr")
    rows.first.wait_for()
    minutes = page.request.get(f"{world.url}api/v1/rooms/{places['room'].split('/')[2]}/series").json()["minutes"]
    assert abs(rows.count() - len(minutes)) <= 1
    expect(page.locator("[aria-live=polite]").first).to_have_text(re.compile("^GMV net"))
