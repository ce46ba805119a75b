"""The page in a browser, on a worker with a running show: it follows, it tells the truth, it says when it cannot."""

import re
from contextlib import ExitStack
from urllib.parse import quote

import pytest

from cli.homes import livepool
from web.page.conftest import PHONE, WALL
from web.page.waiting import expect
from web.page.world import World, free_port, serving

SHIFTS = """() => { window.shifts = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: 'layout-shift'}); }"""


def room_url(world, session_id, query="lang=zh"):
    return f"{world.url}?{query}#/room/{quote(session_id, safe='')}"


def value(page, name, where=".headline"):
    """The number that is shown, exactly."""
    return page.locator(f"{where} data[data-def={name}]").first.get_attribute("value")


def wait_for(page, name, expected, where=".headline"):
    page.wait_for_function(
        "([selector, value]) => document.querySelector(selector)?.value === value",
        arg=[f"{where} data[data-def={name}]", str(expected)],
    )


def test_the_page_follows_a_running_show(world, open_page):
    session_id = world.largest()["session_id"]
    page = open_page(room_url(world, session_id))
    for _ in range(3):
        before = world.largest()["snapshot"]["show"]["views"]
        wait_for(page, "views", before, ".funnel")
        world.play()
        after = world.largest()["snapshot"]["show"]["views"]
        assert after > before
        wait_for(page, "views", after, ".funnel")


def test_its_numbers_are_those_of_the_command_line(world, open_page):
    shown = world.largest()
    page = open_page(room_url(world, shown["session_id"]))
    wait_for(page, "gmv_net_fen", shown["snapshot"]["show"]["gmv_net_fen"])
    page.locator(".figures summary").click()
    rows = page.locator(".figures tbody tr")
    expect(rows).to_have_count(len(shown["snapshot"]["show"]))
    for at, name in enumerate(shown["snapshot"]["show"]):
        said = rows.nth(at).locator("data").evaluate_all("all => all.map((one) => one.value)")
        windows = [shown["snapshot"][window][name] for window in ("show", "last_10m", "previous_10m")]
        assert [float(text) if text else None for text in said] == windows, name


def test_the_list_has_every_session_with_its_numbers(world, open_page):
    page = open_page(f"{world.url}?lang=en")
    rooms = world.rooms()
    expect(page.locator(".session")).to_have_count(len(rooms))
    for room in rooms:
        card = page.locator(".session", has=page.locator(f"a[href$='{quote(room['session_id'], safe='')}']"))
        said = card.locator("data").evaluate_all("all => all.map((one) => [one.dataset.def, Number(one.value)])")
        assert dict(said) == {name: room["snapshot"]["show"][name] for name, _ in said}


def test_money_of_the_parties_adds_up_to_the_sessions(world, open_page):
    room = world.largest()
    page = open_page(room_url(world, room["session_id"]))
    expected = room["snapshot"]["show"]["gmv_net_fen"]
    wait_for(page, "gmv_net_fen", expected)
    for more in page.locator(".listing .more:visible").all():
        more.click()
    for dimension in ("store", "anchor", "mode", "item"):
        net = page.locator(f".parties .{dimension} tbody data[data-def=party_net_fen]")
        assert sum(net.evaluate_all("all => all.map((one) => Number(one.value))")) == expected


@pytest.mark.parametrize("size", [WALL, PHONE], ids=["wall", "phone"])
def test_nothing_moves_when_numbers_change(world, open_page, size):
    page = open_page(room_url(world, world.largest()["session_id"]), size)
    wait_for(page, "views", world.largest()["snapshot"]["show"]["views"], ".funnel")
    page.wait_for_timeout(500)
    page.evaluate(SHIFTS)
    for _ in range(2):
        world.play()
        wait_for(page, "views", world.largest()["snapshot"]["show"]["views"], ".funnel")
    page.wait_for_timeout(300)
    assert page.evaluate("window.shifts") < 0.001


def test_a_restart_of_the_worker_is_seen_and_survived(tmp_path, browser, open_page):
    assert browser
    world = World(tmp_path)
    with ExitStack() as first:
        first.enter_context(world.worker())
        page = open_page(room_url(world, world.largest()["session_id"], "lang=en"), gone=True)
        wait_for(page, "views", world.largest()["snapshot"]["show"]["views"], ".funnel")
        page.evaluate("window.sameDocument = true")
        assert not page.locator(".banner").is_visible()
    expect(page.locator(".banner")).to_contain_text("not of now")
    expect(page).to_have_title(re.compile("^⚠"))
    expect(page.locator(".headline .value").first).to_have_css("font-style", "italic")
    with world.worker():
        world.play()
        expect(page.locator(".banner")).to_be_hidden(timeout=30_000)
        wait_for(page, "views", world.largest()["snapshot"]["show"]["views"], ".funnel")
        expect(page).not_to_have_title(re.compile("^⚠"))
        assert page.evaluate("window.sameDocument")


def test_a_token_for_a_store_shows_that_store_and_no_other(world, open_page, tmp_path):
    room = world.largest()
    store, other = room["stores"][:2]
    tokens = tmp_path / "tokens.toml"
    token = livepool("token", "add", "store-manager", "--store", store, "--file", tokens).stdout.strip()
    board = {"LIVEPOOL_WEB_PORT": str(free_port()), "LIVEPOOL_WEB_TOKENS": str(tokens)}
    with serving("board", home=world.home.path, **board) as url:
        page = open_page(f"{url}?lang=en#/room/{quote(room['session_id'], safe='')}", refused=True, gone=True)
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_text("This token is not valid").wait_for()
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.get_by_text("You see only what concerns your stores").wait_for()
        page.locator(".parties .store tbody tr").first.wait_for()
        stores = page.locator(".parties .store tbody th").all_inner_texts()
        assert stores == [store]
        assert not page.locator(".headline").is_visible()
        assert other not in page.locator("main").inner_text()
