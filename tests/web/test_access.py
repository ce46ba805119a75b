"""Who may ask, how often, and from where; and that files are those of the page."""

import http.client
from random import Random
from urllib.parse import urlsplit

import pytest

from streams.settings import SettingsError, WebSettings, from_environment
from streams.web import files
from streams.web.limits import MOST_KEPT, Limits
from streams.web.tokens import Holder, Tokens, add_token, digest_of, read_tokens
from tests.cli.homes import livepool
from web.serving import served, tokens_of

PAGE = b"<!doctype html><title>Livepool</title>"


# --- settings --------------------------------------------------------------------------------------------------


def web(**environment):
    return from_environment({f"LIVEPOOL_{name}": value for name, value in environment.items()}).web


def test_only_this_machine_unless_told_otherwise():
    assert web() == WebSettings("127.0.0.1", 6066, None, False)
    assert web(WEB="off") is None
    assert web(WEB_PORT="0", WEB_HOST="::1").port == 0
    assert web(WEB_HOST="0.0.0.0", WEB_TOKENS="tokens.toml").tokens.name == "tokens.toml"
    assert web(WEB_HOST="0.0.0.0", WEB_OPEN="1").open


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"WEB_HOST": "0.0.0.0"}, "livepool token add"),
        ({"WEB_HOST": "10.0.0.7", "WEB_OPEN": "off"}, "LIVEPOOL_WEB_TOKENS"),
        ({"WEB": "maybe"}, "LIVEPOOL_WEB must be on or off"),
        ({"WEB_PORT": "70000"}, "at most 65535"),
        ({"WEB_PORT": "http"}, "LIVEPOOL_WEB_PORT"),
        ({"WEB_RATE": "0"}, "LIVEPOOL_WEB_RATE"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_next_step(environment, said):
    with pytest.raises(SettingsError, match=said):
        web(**environment)


# --- tokens ----------------------------------------------------------------------------------------------------


def test_a_token_is_printed_once_and_kept_as_a_digest(tmp_path):
    file = tmp_path / "tokens.toml"
    done = livepool("token", "add", "wall", "--store", "7", "--store", "8", "--file", file)
    token = done.stdout.strip()
    assert len(token) >= 43
    assert token not in file.read_text()
    assert read_tokens(file) == {digest_of(token): Holder("wall", frozenset({"7", "8"}))}
    assert file.stat().st_mode & 0o077 == 0
    everything = livepool("token", "add", "boss", "--all", "--file", file).stdout.strip()
    assert read_tokens(file)[digest_of(everything)] == Holder("boss", None)
    assert "already" in livepool("token", "add", "wall", "--all", "--file", file, code=2).stderr
    assert "--store" in livepool("token", "add", "nobody", "--file", file, code=2).stderr
    assert "A-Z" in livepool("token", "add", "a b", "--all", "--file", file, code=2).stderr
    assert len(read_tokens(file)) == 2


@pytest.mark.parametrize("store", ['a"b', "a\\b", "a\nb", "[7]", "七"])
def test_any_store_id_can_be_in_a_token(tmp_path, store):
    token = add_token(tmp_path / "tokens.toml", "x", [store])
    assert read_tokens(tmp_path / "tokens.toml")[digest_of(token)].stores == {store}


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[tokens.a]\nsha256 = 7\nstores = '*'",
        "[tokens.a]\nsha256 = 'abc'\nstores = '*'",
        f"[tokens.a]\nsha256 = '{'0' * 64}'\nstores = []",
        f"[tokens.a]\nsha256 = '{'0' * 64}'\nstores = '7'",
        f"[tokens.a]\nsha256 = '{'0' * 64}'\nstores = [7]",
        f"[tokens.a]\nsha256 = '{'0' * 64}'\nstores = '*'\nextra = 1",
        f"[token.a]\nsha256 = '{'0' * 64}'\nstores = '*'",
        "tokens = 3",
    ],
)
def test_a_bad_file_is_refused_with_its_name(tmp_path, text):
    file = tmp_path / "tokens.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"tokens\.toml"):
        Tokens(file)


def test_a_file_that_goes_bad_lets_nobody_in_until_it_is_good_again(tmp_path):
    file = tmp_path / "tokens.toml"
    token = add_token(file, "x", ["7"])
    tokens, good = Tokens(file), file.read_text()
    assert tokens.holder(digest_of(token))
    file.write_text("broken")
    tokens.refresh()
    assert tokens.holder(digest_of(token)) is None
    assert "tokens.toml" in tokens.failure
    file.write_text(good)
    tokens.refresh()
    assert tokens.holder(digest_of(token))


# --- logging in ------------------------------------------------------------------------------------------------


def log_in(client, token):
    return client.ask(
        "/login", "POST", f"token={token}", Content_Type="application/x-www-form-urlencoded"
    )  # fmt: skip


def test_a_cookie_for_a_token(guarded, tokens):
    answer = log_in(guarded, tokens["T1"])
    assert (answer.status, answer.headers["Location"]) == (303, "./")
    cookie = answer.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert guarded.ask("/api/v1/rooms", Cookie=cookie.partition(";")[0]).status == 200
    assert guarded.ask("/api/v1/rooms", Cookie="livepool_token=wrong").status == 401
    assert guarded.ask("/api/v1/rooms", Authorization=f"bearer {tokens['T1']}").status == 200
    assert guarded.ask("/api/v1/rooms", Authorization=f"Basic {tokens['T1']}").status == 401


def test_a_wrong_token_is_refused_and_guessing_is_slow(shared_show, tmp_path):
    file = tmp_path / "tokens.toml"
    tokens = tokens_of(file, "all")
    with served(shared_show, tokens=file) as client:
        statuses = [log_in(client, "wrong").status for _ in range(12)]
        assert statuses[0] == 401
        assert statuses[-1] == 429
        assert log_in(client, tokens["all"]).status == 429
        assert client.with_token(tokens["all"]).ask("/api/v1/rooms").status == 200


@pytest.mark.parametrize("body", ["", "token=", "token=" + "x" * 5000, "other=1", "token=%00", "token=%FF"])
def test_a_form_that_makes_no_sense_is_refused(guarded, body):
    answer = guarded.ask("/login", "POST", body, Content_Type="application/x-www-form-urlencoded")
    assert answer.status in (401, 429)


def test_a_large_body_is_refused(guarded):
    answer = guarded.ask("/login", "POST", "x" * 100_000, Content_Type="application/x-www-form-urlencoded")
    assert answer.status in (413, 429)


# --- rates -----------------------------------------------------------------------------------------------------


def test_a_bucket_gives_its_rate_and_no_more():
    limits, rng = Limits(rate=5, burst=10), Random(1)
    now, given = 0.0, 0
    for _ in range(2000):
        now += rng.expovariate(20)
        given += limits.wait("a", now) == 0
    assert 5 * now <= given <= 5 * now + 10
    assert limits.wait("b", now) == 0


def test_it_says_when_to_come_again():
    limits = Limits(rate=2, burst=1)
    assert limits.wait("a", 0) == 0
    wait = limits.wait("a", 0)
    assert wait == 0.5
    assert limits.wait("a", wait) == 0


def test_it_remembers_so_many_and_no_more():
    limits = Limits(rate=1)
    for n in range(MOST_KEPT + 10):
        limits.wait(str(n), n / 1000)
    assert len(limits._buckets) == MOST_KEPT


def test_who_asks_too_often_waits_and_others_do_not(shared_show, tmp_path):
    file = tmp_path / "tokens.toml"
    tokens = tokens_of(file, "T1", "T2")
    with served(shared_show, tokens=file, rate=1) as client:
        greedy, modest = client.with_token(tokens["T1"]), client.with_token(tokens["T2"])
        answers = [greedy.ask("/api/v1/definitions") for _ in range(8)]
        assert [answer.status for answer in answers[:4]] == [200] * 4
        refused = next(answer for answer in answers if answer.status == 429)
        assert int(refused.headers["Retry-After"]) >= 1
        assert modest.ask("/api/v1/definitions").status == 200
        assert all(greedy.ask("/healthz").status == 200 for _ in range(20))


# --- from where ------------------------------------------------------------------------------------------------


THIS_MACHINE = ("localhost", "127.0.0.1", "127.0.0.1:6066", "[::1]", "[::1]:6066")
ELSEWHERE = ("evil.example", "evil.example:80", "[::1", "localhost.evil.example", "127.0.0.1.evil.example")


@pytest.mark.parametrize(
    ("host", "status"), [*((host, 200) for host in THIS_MACHINE), *((host, 403) for host in ELSEWHERE)]
)
def test_a_board_without_tokens_answers_to_this_machine_only(board, host, status):
    assert board.ask("/api/v1/rooms", Host=host).status == status
    assert board.ask("/", Host=host).status in (status, 404)


# --- files -----------------------------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path, monkeypatch):
    root = tmp_path / "static"
    (root / "css").mkdir(parents=True)
    (root / "index.html").write_bytes(PAGE)
    (root / "app.js").write_text("export {};")
    (root / "css" / "board.css").write_text("a{}")
    (root / ".secret").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(files.serve, "__defaults__", (root,))
    return root


def test_the_page_and_its_files_are_served(board, page):
    answer = board.ask("/")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, PAGE, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    script = board.ask("/static/app.js")
    assert script.headers["Content-Type"].startswith("text/javascript")
    again = board.ask("/static/app.js", If_None_Match=script.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    (page / "app.js").write_text("export { changed };")
    assert board.ask("/static/app.js", If_None_Match=script.headers["ETag"]).status == 200
    assert board.ask("/static/css/board.css").status == 200


@pytest.mark.parametrize("path", [
    "/static/../secret.txt", "/static/..%2fsecret.txt", "/static/%2e%2e/secret.txt", "/static/css/../../secret.txt",
    "/static//etc/passwd", "/static/%2Fetc%2Fpasswd", "/static/.secret", "/static/css", "/static/", "/static/nothing",
    "/static/app.js%00.txt", "/static/link.txt", "/static/..\\secret.txt",
])  # fmt: skip
def test_nothing_else_is(board, page, path):
    connection = http.client.HTTPConnection(urlsplit(board.server.address).netloc, timeout=10)
    connection.putrequest("GET", path)  # as it is: `request` would tidy it up
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 404, path
    assert b"secret" not in body.replace(b"/secret", b"")
    assert page.exists()
