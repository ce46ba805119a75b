"""Settings of a process, read once from the environment; the command line overrides them."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

import msgspec

from streams.core.policy import Policy, PolicyError, load

if TYPE_CHECKING:
    from streams.cluster.connection import Connection

DEFAULT_HOME = Path(".livepool")
POLICY_FILE = "policy.json"
THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_SWITCH = {"on": True, "1": True, "off": False, "0": False}
_LAST_PORT = 65_535


class SettingsError(ValueError):
    """A setting that cannot be used; the text names it and the next step."""


class WebSettings(NamedTuple):
    """Where the board listens, and whom it lets in. Without tokens everybody who reaches it may see everything."""

    host: str = "127.0.0.1"
    port: int = 6066  # 0: any that is free
    tokens: Path | None = None  # file of `livepool token add`
    open: bool = False  # another address than this machine's own, and no tokens: somebody else keeps strangers out
    rate: int = 50  # requests per second of one token or address; four times as many at once


class Settings(NamedTuple):
    """What differs between two runs of the same program."""

    home: Path = DEFAULT_HOME  # everything that an embedded run keeps
    policy: Policy = Policy()
    partitions: int = 1  # of journeys, room-deltas and outputs; one process gains nothing from more
    synchronous: str = "full"  # of SQLite: `full` survives a power cut, `off` is for runs that are thrown away
    bad_fuse: bool = True  # stop at a flood of dead letters (policy: bad_share, bad_window)
    max_records: int = 2000  # of a record batch
    cache: int = 100_000  # decoded buyers, orders … kept in memory per table
    connection: Optional["Connection"] = None  # of a Kafka cluster; None: one machine, without Kafka
    standbys: int = 0  # on Kafka: how many other workers keep a warm copy of each partition's state
    instance: str | None = None  # on Kafka: a name that this worker has over its restarts
    session_seconds: int = 15  # on Kafka: without a sign of life for so long, a worker's partitions go to others
    watchdog_seconds: int = 120  # on Kafka: a worker that has work and gets none of it done ends after so long
    web: WebSettings | None = None  # the live board; None: not served


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the `LIVEPOOL_…` variables of `deploy/livepool.env`; SettingsError names a bad one."""
    settings = Settings(home=Path(environment.get("LIVEPOOL_HOME", DEFAULT_HOME)))
    if path := environment.get("LIVEPOOL_POLICY"):
        settings = settings._replace(policy=read_policy(Path(path)))
    from streams.cluster.connection import Connection  # noqa: PLC0415  # it needs SettingsError from here

    return settings._replace(
        max_records=_whole(environment, "LIVEPOOL_MAX_RECORDS", settings.max_records),
        cache=_whole(environment, "LIVEPOOL_CACHE", settings.cache),
        connection=Connection.from_environment(environment),
        standbys=_whole(environment, "LIVEPOOL_STANDBYS", settings.standbys, least=0),
        instance=environment.get("LIVEPOOL_INSTANCE") or None,
        session_seconds=_whole(environment, "LIVEPOOL_SESSION_SECONDS", settings.session_seconds, least=6),
        watchdog_seconds=_whole(environment, "LIVEPOOL_WATCHDOG_SECONDS", settings.watchdog_seconds, least=10),
        web=_web(environment),
    )


def _web(environment: Mapping[str, str]) -> WebSettings | None:
    if not _switch(environment, "LIVEPOOL_WEB", "on"):
        return None
    tokens, default = environment.get("LIVEPOOL_WEB_TOKENS"), WebSettings()
    web = WebSettings(
        host=environment.get("LIVEPOOL_WEB_HOST") or default.host,
        port=_whole(environment, "LIVEPOOL_WEB_PORT", default.port, least=0),
        tokens=Path(tokens) if tokens else None,
        open=_switch(environment, "LIVEPOOL_WEB_OPEN", "off"),
        rate=_whole(environment, "LIVEPOOL_WEB_RATE", default.rate),
    )
    if web.port > _LAST_PORT:
        raise SettingsError(f"LIVEPOOL_WEB_PORT must be at most {_LAST_PORT}, not {web.port}")
    if web.host not in THIS_MACHINE and web.tokens is None and not web.open:
        raise SettingsError(
            f"LIVEPOOL_WEB_HOST is {web.host}, which others can reach, and nobody is asked for a token: make one with"
            " `livepool token add NAME --store STORE_ID` and set LIVEPOOL_WEB_TOKENS; or set LIVEPOOL_WEB_OPEN=1"
            " where something else keeps strangers out"
        )
    return web


def _switch(environment: Mapping[str, str], name: str, usual: str) -> bool:
    text = environment.get(name) or usual
    if text not in _SWITCH:
        raise SettingsError(f"{name} must be on or off, not {text!r}")
    return _SWITCH[text]


def _whole(environment: Mapping[str, str], name: str, default: int, *, least: int = 1) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) < least:
        raise SettingsError(f"{name} must be a whole number from {least} on, not {text!r}")
    return int(text)


def remember_policy(settings: Settings) -> None:
    """Keep the policy with the run: it holds until another is named."""
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / POLICY_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(settings.policy), indent=2))


def remembered_policy(home: Path) -> Policy | None:
    """The policy of the last worker of a run; None when there was none."""
    try:
        return load(msgspec.json.decode((home / POLICY_FILE).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{home / POLICY_FILE}: {error}; remove the file to use the default policy") from None


def read_policy(path: Path) -> Policy:
    """Read a policy file (TOML, spec §7); SettingsError names the file and the key."""
    try:
        return load(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, PolicyError) as error:
        raise SettingsError(f"{path}: {error}") from None
