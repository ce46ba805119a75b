"""How to reach a Kafka cluster: addresses, TLS, SASL; for both client libraries, from the same variables.

Secrets are read from files when a client is made; neither arguments, `repr` nor logs hold them.
"""

import difflib
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args

from streams.cluster.oauth import ClientCredentials, Secret, TokenFile, TokenSource, read_secret
from streams.settings import SettingsError

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]

VARIABLES = {
    "brokers": "LIVEPOOL_BROKERS",
    "security": "LIVEPOOL_KAFKA_SECURITY",
    "sasl": "LIVEPOOL_KAFKA_SASL",
    "username": "LIVEPOOL_KAFKA_USERNAME",
    "password_file": "LIVEPOOL_KAFKA_PASSWORD_FILE",
    "ca_file": "LIVEPOOL_KAFKA_CA_FILE",
    "cert_file": "LIVEPOOL_KAFKA_CERT_FILE",
    "key_file": "LIVEPOOL_KAFKA_KEY_FILE",
    "key_password_file": "LIVEPOOL_KAFKA_KEY_PASSWORD_FILE",
    "token_file": "LIVEPOOL_KAFKA_OAUTH_TOKEN_FILE",
    "token_url": "LIVEPOOL_KAFKA_OAUTH_TOKEN_URL",
    "client_id": "LIVEPOOL_KAFKA_OAUTH_CLIENT_ID",
    "client_secret_file": "LIVEPOOL_KAFKA_OAUTH_CLIENT_SECRET_FILE",
    "scope": "LIVEPOOL_KAFKA_OAUTH_SCOPE",
    "token_ca_file": "LIVEPOOL_KAFKA_OAUTH_CA_FILE",
}
_TLS = ("ca_file", "cert_file", "key_file", "key_password_file")
_PASSWORD = ("username", "password_file")
_CLIENT = ("token_url", "client_id", "client_secret_file", "scope", "token_ca_file")


class ClusterError(RuntimeError):
    """The cluster did not do what was asked; the text says what to do."""


class Connection(NamedTuple):
    """Where the brokers are and how a client proves who it is. Every `…_file` is read when a client is made."""

    brokers: str  # host:port, several with commas
    security: Security = "PLAINTEXT"
    sasl: Mechanism | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None  # without it, the certificate authorities of the system
    cert_file: Path | None = None
    key_file: Path | None = None  # without it, the key is in `cert_file`
    key_password_file: Path | None = None
    token_file: Path | None = None  # read at every connection: a sidecar renews it
    token_url: str | None = None  # or a token by the client credentials grant
    client_id: str | None = None
    client_secret_file: Path | None = None
    scope: str | None = None
    token_ca_file: Path | None = None  # for `token_url`; without it, the certificate authorities of the system

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Read `VARIABLES`; None when no brokers are set. SettingsError names what does not fit together."""
        _refuse_unknown(environment)
        found: dict[str, Any] = {
            field: Path(value) if field.endswith("_file") else value
            for field, name in VARIABLES.items()
            if (value := environment.get(name, "").strip())
        }
        if not found:
            return None
        if "brokers" not in found:
            raise SettingsError(
                f"{VARIABLES[next(iter(found))]} is set, but {VARIABLES['brokers']} is not:"
                " set it to host:port[,host:port…], or unset the other to run on one machine without Kafka"
            )
        return cls(**found).checked()

    def checked(self) -> Self:
        """The same connection; SettingsError when its fields do not fit together."""
        _check_brokers(self.brokers)
        _one_of("security", self.security, get_args(Security))
        tls, sasl = self.security.endswith("SSL"), self.security.startswith("SASL")
        if not tls:
            self._refuse(_TLS, f"nothing is encrypted with security {self.security}", "SSL or SASL_SSL")
        if not sasl:
            self._refuse(("sasl",), f"nobody logs in with security {self.security}", "SASL_SSL")
            self._refuse((*_PASSWORD, "token_file", *_CLIENT), "it needs SASL", "SASL_SSL")
            self._check_key()
            return self
        if self.sasl is None:
            raise SettingsError(f"{VARIABLES['sasl']} is not set: set it to one of {', '.join(get_args(Mechanism))}")
        _one_of("sasl", self.sasl, get_args(Mechanism))
        self._check_key()
        self._check_login()
        return self

    def _refuse(self, fields: tuple[str, ...], why: str, security: str) -> None:
        for field in fields:
            if getattr(self, field) is not None:
                raise SettingsError(
                    f"{VARIABLES[field]} would not be used: {why};"
                    f" set {VARIABLES['security']} to {security}, or unset {VARIABLES[field]}"
                )

    def _require(self, *fields: str) -> None:
        for field in fields:
            if getattr(self, field) is None:
                raise SettingsError(f"{VARIABLES[field]} is not set: {self.sasl} needs it")

    def _check_key(self) -> None:
        for field in ("key_file", "key_password_file"):
            if getattr(self, field) is not None and self.cert_file is None:
                raise SettingsError(f"{VARIABLES[field]} needs {VARIABLES['cert_file']}: set it, too")

    def _check_login(self) -> None:
        if self.sasl != "OAUTHBEARER":
            self._require(*_PASSWORD)
            self._refuse(("token_file", *_CLIENT), f"{self.sasl} takes a password", f"{self.security} with OAUTHBEARER")
            return
        self._refuse(_PASSWORD, "OAUTHBEARER takes a token", f"{self.security} with SCRAM-SHA-512")
        if self.token_file is not None:
            for field in _CLIENT:
                if getattr(self, field) is not None:
                    raise SettingsError(
                        f"{VARIABLES['token_file']} and {VARIABLES[field]} are two ways to a token: unset one"
                    )
            return
        if self.token_url is None:
            raise SettingsError(
                f"OAUTHBEARER needs {VARIABLES['token_file']}, or {VARIABLES['token_url']}"
                f" with {VARIABLES['client_id']} and {VARIABLES['client_secret_file']}"
            )
        self._require("client_id", "client_secret_file")
        _check_token_url(self.token_url)

    def kafka_python(self) -> dict[str, Any]:
        """Keyword arguments for the clients of kafka-python 3. SettingsError names a file that cannot be read."""
        found = self._common()
        if (source := self._token_source()) is not None:
            from streams.cluster.oauth_clients import KafkaPythonToken  # noqa: PLC0415 - each library when it is used

            found["sasl_oauth_token_provider"] = KafkaPythonToken(source)
        return found

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments for the clients of aiokafka. SettingsError names a file that cannot be read."""
        found = self._common()
        if (source := self._token_source()) is not None:
            from streams.cluster.oauth_clients import AiokafkaToken  # noqa: PLC0415 - each library when it is used

            found["sasl_oauth_token_provider"] = AiokafkaToken(source)
        return found

    def _common(self) -> dict[str, Any]:
        found: dict[str, Any] = {"bootstrap_servers": self.brokers.split(","), "security_protocol": self.security}
        if self.security.endswith("SSL"):
            found["ssl_context"] = self._ssl_context()
        if self.sasl is not None:
            found["sasl_mechanism"] = self.sasl
        if self.password_file is not None:
            found["sasl_plain_username"] = self.username
            found["sasl_plain_password"] = read_secret(VARIABLES["password_file"], self.password_file)
        return found

    def _ssl_context(self) -> ssl.SSLContext:
        context = tls_context(VARIABLES["ca_file"], self.ca_file)
        if self.cert_file is None:
            return context
        password: Secret | str = ""  # never None: OpenSSL would ask on the terminal
        if self.key_password_file is not None:
            password = read_secret(VARIABLES["key_password_file"], self.key_password_file)
        try:
            context.load_cert_chain(self.cert_file, self.key_file, password)
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError(
                f"{VARIABLES['cert_file']}={self.cert_file}: {error.strerror or error};"
                f" check that it, {VARIABLES['key_file']} and {VARIABLES['key_password_file']} belong together"
            ) from None
        return context

    def _token_source(self) -> TokenSource | None:
        if self.token_file is not None:
            return TokenFile(VARIABLES["token_file"], self.token_file)
        if self.token_url is None or self.client_id is None or self.client_secret_file is None:
            return None
        return ClientCredentials(
            self.token_url,
            self.client_id,
            lambda: read_secret(VARIABLES["client_secret_file"], self.client_secret_file),
            self.scope,
            tls_context(VARIABLES["token_ca_file"], self.token_ca_file),
        )


def tls_context(variable: str, ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, host names checked, trusting `ca_file` alone, or without it what the system trusts."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"{variable}={ca_file}: {error.strerror or error}; it must be a readable PEM file"
        ) from None


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    # A misspelt LIVEPOOL_KAFKA_SECURITY would send everything in the clear.
    for name in environment:
        if name.startswith("LIVEPOOL_KAFKA_") and name not in VARIABLES.values():
            (close,) = difflib.get_close_matches(name, VARIABLES.values(), 1, 0)
            raise SettingsError(f"{name} is not a setting: did you mean {close}?")


def _check_brokers(brokers: str) -> None:
    for address in brokers.split(","):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or host != host.strip():
            raise SettingsError(f"{VARIABLES['brokers']}: {address!r} is not host:port; give host:port[,host:port…]")


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{VARIABLES[field]} must be one of {', '.join(allowed)}, not {value!r}")


def _check_token_url(url: str) -> None:
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2].partition(":")[0]
    if scheme != "https" and not (scheme == "http" and host in ("localhost", "127.0.0.1")):
        raise SettingsError(f"{VARIABLES['token_url']} must begin with https://: the client secret is sent to it")
