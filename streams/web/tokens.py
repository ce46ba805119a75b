"""Who may see what: tokens with the stores that they are for, in a TOML file of `livepool token add`.

[tokens.wall]
sha256 = "…"          # of the token, which nobody keeps
stores = ["7"]        # or "*": everything
"""

import hashlib
import re
import secrets
import tomllib
from pathlib import Path
from typing import NamedTuple

import orjson

from streams.settings import SettingsError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Holder(NamedTuple):
    """Whom a token names; `stores` None: everything."""

    name: str
    stores: frozenset[str] | None


def digest_of(token: str) -> str:
    """What is kept of a token: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def read_tokens(path: Path) -> dict[str, Holder]:
    """Digest -> holder; SettingsError names what is wrong."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; `livepool token add NAME --store STORE_ID` makes it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    found = tables.get("tokens", {})
    if tables.keys() - {"tokens"} or not isinstance(found, dict):
        raise SettingsError(f"{path}: there is nothing but [tokens.NAME] in it")
    return dict(_holder(path, name, table) for name, table in found.items())


def _holder(path: Path, name: str, table: object) -> tuple[str, Holder]:
    if not isinstance(table, dict) or table.keys() != {"sha256", "stores"}:
        raise SettingsError(f"{path}: tokens.{name} has `sha256` and `stores`, and nothing else")
    digest, stores = table["sha256"], table["stores"]
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise SettingsError(f"{path}: tokens.{name}.sha256 has 64 hex digits")
    if stores == "*":
        return digest, Holder(name, None)
    if not isinstance(stores, list) or not stores or not all(isinstance(store, str) and store for store in stores):
        raise SettingsError(f'{path}: tokens.{name}.stores is a list of store ids, or "*" for everything')
    return digest, Holder(name, frozenset(stores))


def add_token(path: Path, name: str, stores: list[str] | None) -> str:
    """Add a token to the file, which is made if need be; return it: it is shown once and kept nowhere."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"a name has 1 to 64 of A-Z a-z 0-9 _ -, unlike {name!r}")
    known = read_tokens(path) if path.exists() else {}
    if any(holder.name == name for holder in known.values()):
        raise SettingsError(f"{path} has a token {name} already: remove its lines first, or take another name")
    token = secrets.token_urlsafe(32)
    listed = '"*"' if stores is None else orjson.dumps(stores).decode()  # a JSON list of texts is one of TOML
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(f'[tokens.{name}]\nsha256 = "{digest_of(token)}"\nstores = {listed}\n\n')
    return token


class Tokens:
    """The tokens of a file, read again when it changes; a file that cannot be read any more lets nobody in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: object = None
        self._holders: dict[str, Holder] = {}
        self.failure: str | None = None
        self.refresh()
        if self.failure:
            raise SettingsError(self.failure)

    def refresh(self) -> None:
        """Read the file again if it has changed."""
        try:
            found = self._path.stat()
            stamp = found.st_mtime_ns, found.st_size, found.st_ino
        except OSError:
            stamp = None
        if stamp is not None and stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._holders, self.failure = read_tokens(self._path), None
        except SettingsError as error:
            self._holders, self.failure = {}, str(error)

    def holder(self, digest: str | None) -> Holder | None:
        """Whose token has this digest. Looking up a digest tells nothing about tokens by the time that it takes."""
        return None if digest is None else self._holders.get(digest)
