"""A secure cluster for tests and for trying out: who may connect, with what, and how brokers check it."""

import os
import re
import secrets
import tempfile
from pathlib import Path

from streams.cluster.broker_certificates import (
    AUDIENCE,
    ISSUER,
    make_authority,
    make_certificate,
    make_token_key,
    sign_token,
)
from streams.cluster.broker_jars import BrokersError

ADMIN = "admin"
_BROKER = "broker"
_OAUTH = "org.apache.kafka.common.security.oauthbearer"
_SCRAM = "org.apache.kafka.common.security.scram"


class Security:
    """The secrets of a cluster, in `folder`: for every user a SCRAM password, a client certificate and tokens.

    However a user connects, the principal is `User:<name>`. `admin` may do everything, the others what ACLs
    allow them, which at first is nothing.
    """

    def __init__(self, folder: Path, users: tuple[str, ...]) -> None:
        self.folder = folder.absolute()
        if "%" in self._keys_url:  # Kafka reads the URL of a file without decoding it
            raise BrokersError(f"{self.folder}: a secure cluster needs a folder without spaces or signs in its path")
        self.users = (ADMIN, *(user for user in users if user != ADMIN))
        for user in self.users:
            if not re.fullmatch(r"[a-z][a-z0-9_.-]*", user) or user in ("ca", _BROKER, "tokens"):
                raise BrokersError(f"{user!r} is no name for a user: small letters, digits, `_`, `.`, `-`")

    @property
    def ca_file(self) -> Path:
        """The authority that signed the certificates of brokers and users (PEM)."""
        return self.folder / "ca.pem"

    def cert_file(self, user: str = ADMIN) -> Path:
        """A user's client certificate (PEM)."""
        return self.folder / f"{user}.pem"

    def key_file(self, user: str = ADMIN) -> Path:
        """The key of that certificate (PEM, PKCS 8, no password)."""
        return self.folder / f"{user}.key"

    def password_file(self, user: str = ADMIN) -> Path:
        """A user's password for SCRAM-SHA-512; no line end follows it."""
        return self.folder / f"{user}.password"

    def password(self, user: str = ADMIN) -> str:
        """What is in that file."""
        return self.password_file(user).read_text("utf-8")

    def token(self, user: str = ADMIN, seconds: int = 3600) -> str:
        """A signed token for OAUTHBEARER that is good for some seconds; negative: that has expired."""
        return sign_token(self.folder, user, seconds)

    def make(self) -> None:
        """Make all of it, unless that was done before."""
        if self.folder.exists():
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".security-", dir=self.folder.parent) as temporary:
            made = Path(temporary, "made")
            made.mkdir(mode=0o700)
            make_authority(made)
            make_certificate(made, _BROKER, "broker")
            make_token_key(made)
            store = (made / f"{_BROKER}.key").read_text() + (made / f"{_BROKER}.pem").read_text()
            (made / "broker-store.pem").write_text(store)
            for user in self.users:
                make_certificate(made, user, "client")
                (made / f"{user}.password").write_text(secrets.token_urlsafe(18))
            for file in made.iterdir():
                os.chmod(file, 0o600)
            made.rename(self.folder)

    def format_arguments(self) -> list[str]:
        """What lays out the storage with the passwords in it. Other users of the machine can see it meanwhile."""
        users = (f"SCRAM-SHA-512=[name={user},password={self.password(user)}]" for user in self.users)
        return [argument for user in users for argument in ("--add-scram", user)]

    def java_options(self) -> list[str]:
        """What a broker's Java must allow: keys of tokens are read from this file only."""
        return [f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._keys_url}"]

    @property
    def _keys_url(self) -> str:
        return (self.folder / "tokens.jwks.json").as_uri()

    def listeners(self, host: str, controller: int, sasl: int, mtls: int) -> dict[str, object]:
        """The broker's properties: SASL over TLS, TLS with client certificates, and who may do what."""
        return {
            "listeners": f"SASL://{host}:{sasl},MTLS://{host}:{mtls},CONTROLLER://{host}:{controller}",
            "advertised.listeners": f"SASL://{host}:{sasl},MTLS://{host}:{mtls}",
            "listener.security.protocol.map": "SASL:SASL_SSL,MTLS:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "MTLS",
            "controller.listener.names": "CONTROLLER",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.folder / "broker-store.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca_file,
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": r"RULE:^CN=([^,]+)$/$1/",
            "listener.name.sasl.sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": f"{_SCRAM}.ScramLoginModule required;",
            "listener.name.sasl.oauthbearer.sasl.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
            "listener.name.sasl.oauthbearer.sasl.server.callback.handler.class": (
                f"{_OAUTH}.OAuthBearerValidatorCallbackHandler"
            ),
            "listener.name.sasl.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": self._keys_url,
            "listener.name.sasl.oauthbearer.sasl.oauthbearer.expected.issuer": ISSUER,
            "listener.name.sasl.oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{_BROKER};User:{ADMIN}",
            "allow.everyone.if.no.acl.found": "false",
        }
