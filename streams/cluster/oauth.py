"""Where an access token for OAUTHBEARER comes from (RFC 6749 §4.4), and how a secret is read."""

import json
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from streams.settings import SettingsError

_TIMEOUT_SECONDS = 10.0
_DEFAULT_LIFETIME_SECONDS = 60.0  # when the server does not say `expires_in`
_FRESH_SHARE = 0.8  # of the lifetime: renewed before the broker would refuse it


class Secret(str):
    """A text that prints as stars: client libraries log their configuration."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class TokenError(RuntimeError):
    """No token: the text names the server and its answer, never a secret."""


class TokenSource(Protocol):
    """Gives a valid access token; called at each connection, from any thread."""

    def token(self) -> str:
        """The token; TokenError or SettingsError when there is none."""


def read_secret(variable: str, path: Path | None) -> Secret:
    """The text of a file, without spaces and line ends around it. SettingsError names `variable`."""
    if path is None:
        raise SettingsError(f"{variable} is not set")
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{variable}={path}: {reason}; it must be a readable text file") from None
    if not text:
        raise SettingsError(f"{variable}={path} is empty: write the secret into it")
    return Secret(text)


class TokenFile:
    """A token that another process renews in a file, as a sidecar or Kubernetes does."""

    def __init__(self, variable: str, path: Path) -> None:
        self._variable = variable
        self._path = path

    def token(self) -> str:
        """What the file holds now."""
        return read_secret(self._variable, self._path)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:  # the secret would follow, to whatever host
        """An answer that redirects is an error."""


class ClientCredentials:
    """A token by the client credentials grant, kept until four fifths of its lifetime are over."""

    def __init__(
        self, url: str, client_id: str, client_secret: Callable[[], str], scope: str | None, tls: ssl.SSLContext
    ) -> None:
        self._url = url
        self._client_id = client_id
        self._client_secret = client_secret  # read for each token: it may be rotated
        self._scope = scope
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=tls))
        self._lock = threading.Lock()
        self._token = Secret()
        self._renew_at = 0.0

    def token(self) -> str:
        """The token at hand, or a new one."""
        with self._lock:
            if time.monotonic() >= self._renew_at:
                answer = self._fetch()
                self._token = Secret(answer["access_token"])
                lifetime = answer.get("expires_in")
                if not isinstance(lifetime, int | float):
                    lifetime = _DEFAULT_LIFETIME_SECONDS
                self._renew_at = time.monotonic() + _FRESH_SHARE * lifetime
            return self._token

    def _fetch(self) -> dict[str, Any]:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked with the settings
            self._url,
            urllib.parse.urlencode(form).encode(),
            {"Authorization": self._authorization(), "Accept": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise TokenError(f"{self._url} answered {error.code} {_oauth_error(error)}") from None
        except (OSError, ValueError) as error:  # urllib.error.URLError is an OSError
            raise TokenError(f"no token from {self._url}: {error}") from None
        if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            raise TokenError(f"{self._url} answered without an access_token")
        return found

    def _authorization(self) -> str:
        # RFC 6749 §2.3.1: both are form-encoded before they are joined.
        name, secret = map(urllib.parse.quote_plus, (self._client_id, self._client_secret()))
        return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


def _oauth_error(error: urllib.error.HTTPError) -> str:
    """The error code of RFC 6749 §5.2 in an answer, else the reason of the status; no other text of the body."""
    try:
        return str(json.load(error)["error"])[:100]
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)
