"""What may be wrong with an installation, whatever has run on it; the rest is in `health`."""

import platform
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

from schemas.values import format_time
from streams.cluster.connection import VARIABLES
from streams.core.definitions import Text
from streams.settings import WebSettings
from streams.transport.database import FILE_NAME

Status = Literal["OK", "WARN", "FAIL"]

PYTHON, SQLITE = (3, 11), (3, 35, 0)  # the project's, and the first with RETURNING
STATE = "state"  # the folder of the copy, in the home of a worker on Kafka
LITTLE_SPACE, NO_SPACE = 1 << 30, 100 << 20  # bytes
_CLOCK_SLACK_MS = 60_000
_EARLIEST_MS = 1_735_689_600_000  # 2025-01-01: a clock before this has not been set
_ENVIRONMENT = (
    "LIVEPOOL_HOME", "LIVEPOOL_POLICY", "LIVEPOOL_MAX_RECORDS", "LIVEPOOL_CACHE", "LIVEPOOL_INSTANCE",
    "LIVEPOOL_STANDBYS", "LIVEPOOL_SESSION_SECONDS", "LIVEPOOL_WATCHDOG_SECONDS", "LIVEPOOL_WEB", "LIVEPOOL_WEB_HOST",
    "LIVEPOOL_WEB_PORT", "LIVEPOOL_WEB_TOKENS", "LIVEPOOL_WEB_OPEN", "LIVEPOOL_WEB_RATE", *VARIABLES.values(),
)  # fmt: skip
_DISTRIBUTIONS = ("livepool", "faust-streaming", "aiokafka", "kafka-python", "msgspec", "orjson", "click", "rich")


class Check(NamedTuple):
    """The answer to one question, and what to do if it is not OK."""

    name: str
    status: Status
    detail: Text
    next_step: Text | None = None


def same(text: str) -> Text:
    """What reads the same in both languages."""
    return Text(text, text)


def check_environment(environment: Mapping[str, str], error: str | None) -> Check:
    """Are the settings usable, and is every `LIVEPOOL_…` variable one that is read."""
    if error is not None:
        return Check("settings", "FAIL", same(error), Text("correct it and run this again", "改正后再次运行"))
    names = [name for name in sorted(environment) if name.startswith("LIVEPOOL_")]
    unknown = [name for name in names if name not in _ENVIRONMENT]
    if unknown:
        return Check(
            "settings",
            "WARN",
            Text(f"not a setting: {', '.join(unknown)}", f"不是设置项：{', '.join(unknown)}"),
            Text(f"settings are {', '.join(_ENVIRONMENT)}", f"设置项有 {', '.join(_ENVIRONMENT)}"),
        )
    given = ", ".join(f"{name}={environment[name]}" for name in names)
    return Check("settings", "OK", same(given) if given else Text("defaults", "默认"))


def check_versions() -> Check:
    """Is what we stand on new enough."""
    found = f"python {platform.python_version()}, sqlite {sqlite3.sqlite_version}, " + ", ".join(
        f"{name} {version(name)}" for name in _DISTRIBUTIONS
    )
    if sys.version_info[:2] < PYTHON or sqlite3.sqlite_version_info < SQLITE:
        least = f"python {PYTHON[0]}.{PYTHON[1]}, sqlite {SQLITE[0]}.{SQLITE[1]}"
        return Check("versions", "FAIL", same(found), Text(f"at least {least} is needed", f"至少需要 {least}"))
    return Check("versions", "OK", same(found))


def check_folder(home: Path) -> Check:
    """Can the run be written, and is there space."""
    folder = next(path for path in (home, *home.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(
            "folder",
            "FAIL",
            Text(f"{folder} is not writable: {error.strerror}", f"{folder} 不可写：{error.strerror}"),
            Text("give this user the right to write, or name another --home", "授予写权限，或用 --home 指定其他目录"),
        )
    free = shutil.disk_usage(folder).free
    size = sum(path.stat().st_size for path in files_of(home))
    detail = Text(f"{home}: {mib(size)} used, {mib(free)} free", f"{home}：已用 {mib(size)}，剩余 {mib(free)}")
    if free < LITTLE_SPACE:
        status: Status = "FAIL" if free < NO_SPACE else "WARN"
        return Check("folder", status, detail, Text("make room on this disk", "请清理磁盘空间"))
    return Check("folder", "OK", detail)


def files_of(home: Path) -> list[Path]:
    """The files of a run on one machine, and of the copy of the state that a worker on Kafka has."""
    return [path for folder in (home, home / STATE) for path in folder.glob(f"{FILE_NAME}*")]


def mib(size: int) -> str:
    """A size in bytes for people."""
    return f"{size / (1 << 20):,.1f} MiB"


def check_port(web: WebSettings | None) -> Check:
    """Is the port of the live board free."""
    if web is None:
        return Check("web port", "OK", Text("the board is off", "看板已关闭"))
    port = web.port
    with closing(socket.socket(socket.AF_INET6 if ":" in web.host else socket.AF_INET)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((web.host, port))
        except OSError as error:
            return Check(
                "web port",
                "WARN",
                Text(f"{port} is taken: {error.strerror}", f"{port} 被占用：{error.strerror}"),
                Text(
                    "if that is not your worker, set LIVEPOOL_WEB_PORT to another port; without it there is no board",
                    "若不是您的 worker，请将 LIVEPOOL_WEB_PORT 设为其他端口；否则没有看板",
                ),
            )
    return Check("web port", "OK", Text(f"{port} is free", f"{port} 可用"))


def check_clock(now_ms: int, last_append_ms: int | None) -> Check:
    """Is the clock set, and not behind what it has stamped before."""
    detail = same(format_time(now_ms))
    step = Text("set the clock (NTP): retention and repeated events go by it", "请校准时钟(NTP):数据保留与去重依赖时钟")
    if now_ms < _EARLIEST_MS:
        return Check("clock", "FAIL", detail, step)
    if last_append_ms is not None and last_append_ms > now_ms + _CLOCK_SLACK_MS:
        last = format_time(last_append_ms)
        return Check(
            "clock",
            "FAIL",
            Text(f"{detail.en}, behind the last append at {last}", f"{detail.zh}，早于最后一次写入 {last}"),
            step,
        )
    return Check("clock", "OK", detail)
