"""Certificates and signed tokens of a secure cluster on this machine, made with openssl."""

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path

from streams.cluster.broker_jars import BrokersError

ISSUER = "livepool"
AUDIENCE = "kafka"
_KEY_ID = "livepool"
_DAYS = "3650"
_OPENSSL = """\
[req]
distinguished_name=name
x509_extensions=authority
[name]
[authority]
basicConstraints=critical,CA:true
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[broker]
basicConstraints=CA:false
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=IP:127.0.0.1,DNS:localhost
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[client]
basicConstraints=CA:false
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


def make_authority(folder: Path) -> None:
    """A certificate authority, `ca.pem` and `ca.key`, and the configuration that the others are made with."""
    (folder / "openssl.cnf").write_text(_OPENSSL)
    _openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", _DAYS,
        "-subj", "/CN=Livepool test authority", "-config", "openssl.cnf", "-keyout", "ca.key", "-out", "ca.pem",
    )  # fmt: skip


def make_certificate(folder: Path, name: str, kind: str) -> None:
    """`<name>.pem` and `<name>.key` (PKCS 8, no password), signed by the authority; kind: broker or client."""
    _openssl(
        folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
        "-config", "openssl.cnf", "-keyout", f"{name}.key", "-out", f"{name}.csr",
    )  # fmt: skip
    _openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", _DAYS, "-sha256", "-extfile", "openssl.cnf", "-extensions", kind, "-out", f"{name}.pem",
    )  # fmt: skip
    (folder / f"{name}.csr").unlink()


def make_token_key(folder: Path) -> None:
    """`tokens.key`, and `tokens.jwks.json` by which brokers check what it signs."""
    _openssl(folder, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "tokens.key")
    modulus = _openssl(folder, "rsa", "-in", "tokens.key", "-noout", "-modulus").decode().strip().partition("=")[2]
    number = _base64(bytes.fromhex(modulus))
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _KEY_ID, "n": number, "e": "AQAB"}
    (folder / "tokens.jwks.json").write_text(json.dumps({"keys": [key]}))


def sign_token(folder: Path, subject: str, seconds: int) -> str:
    """A JWT (RS256) that says who its bearer is, from now on for some seconds (negative: expired)."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now + min(seconds, 0) - 1, "exp": now + seconds}
    header = {"alg": "RS256", "typ": "JWT", "kid": _KEY_ID}
    text = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{_base64(_openssl(folder, 'dgst', '-sha256', '-sign', 'tokens.key', given=text.encode()))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _openssl(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise BrokersError("no openssl in PATH, which makes the certificates of a secure cluster: install it")
    done = subprocess.run([openssl, *arguments], cwd=folder, input=given, capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        raise BrokersError(f"openssl {arguments[0]} failed:\n{done.stderr.decode(errors='replace')}")
    return done.stdout
