"""Tokens: from a file, and from a server that speaks RFC 6749 over HTTP."""

import asyncio
import json
import threading
import urllib.parse
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from streams.cluster import oauth
from streams.cluster.connection import Connection
from streams.cluster.oauth import TokenError


class Provider:
    """An identity provider; `answers` are given one after the other, the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.asked.append((self.headers["Authorization"], dict(urllib.parse.parse_qsl(body))))
                answers = provider.answers
                status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def provide(tmp_path):
    """Start a provider, and give it with a connection that asks it."""
    started = []
    secret = tmp_path / "secret"
    secret.write_text("a&b\n")

    def start(*answers, scope="kafka"):
        provider = Provider(*answers)
        started.append(provider.server)
        connection = Connection("a:9092", "SASL_PLAINTEXT", "OAUTHBEARER", token_url=provider.url, client_id="w:1",
                                client_secret_file=secret, scope=scope)  # fmt: skip
        return provider, connection

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def provider_of(connection):
    return connection.checked().kafka_python()["sasl_oauth_token_provider"]


def test_the_grant_is_that_of_the_standard_and_the_token_is_kept(provide):
    provider, connection = provide((200, {"access_token": "T1", "expires_in": 300, "token_type": "Bearer"}))
    tokens = provider_of(connection)
    assert [tokens.token(), tokens.token()] == ["T1", "T1"]
    ((authorization, form),) = provider.asked
    assert b64decode(authorization.removeprefix("Basic ")) == b"w%3A1:a%26b"
    assert form == {"grant_type": "client_credentials", "scope": "kafka"}


def test_a_token_is_renewed_before_it_ends(provide, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(oauth.time, "monotonic", lambda: now[0])
    _, connection = provide(*((200, {"access_token": f"T{n}", "expires_in": 100}) for n in range(3)))
    tokens = provider_of(connection)
    assert tokens.token() == "T0"
    now[0] += 79
    assert tokens.token() == "T0"
    now[0] += 1
    assert tokens.token() == "T1"


def test_both_libraries_get_it(provide):
    _, connection = provide((200, {"access_token": "T"}), scope=None)
    assert asyncio.run(connection.aiokafka()["sasl_oauth_token_provider"].token()) == "T"
    assert provider_of(connection).token() == "T"
    assert "T" not in repr(connection.aiokafka()["sasl_oauth_token_provider"].__dict__["_source"].token())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((401, {"error": "invalid_client", "error_description": "a&b is wrong"}), "401 invalid_client"),
        ((500, b"a&b crashed"), "500 Internal Server Error"),
        ((302, b""), "302"),
        ((200, b"no json"), "no token"),
        ((200, {"token": "x"}), "without an access_token"),
    ],
)
def test_a_refusal_names_the_server_and_no_secret(provide, answer, says):
    provider, connection = provide(answer)
    with pytest.raises(TokenError) as error:
        provider_of(connection).token()
    assert provider.url in str(error.value)
    assert says in str(error.value)
    assert "a&b" not in str(error.value)
    assert len(provider.asked) == 1  # a redirect was not followed: the secret stays here


def test_a_server_that_is_not_there(provide):
    provider, connection = provide((200, {}))
    provider.server.shutdown()
    provider.server.server_close()
    with pytest.raises(TokenError, match="no token from"):
        provider_of(connection).token()


def test_a_token_file_is_read_again(tmp_path):
    path = tmp_path / "token"
    tokens = provider_of(Connection("a:9092", "SASL_PLAINTEXT", "OAUTHBEARER", token_file=path))
    for text in ("one", "two"):
        path.write_text(text)
        assert tokens.token() == text
