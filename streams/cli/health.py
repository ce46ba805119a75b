"""What may be wrong with a run, one check per question; `doctor` shows them after those of the installation."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from schemas.topics import TOPICS
from schemas.values import format_time
from streams.cli.installation import (
    Check,
    check_clock,
    check_environment,
    check_folder,
    check_port,
    check_versions,
    same,
)
from streams.core.definitions import Text
from streams.home import lag, partitions_of
from streams.kept.source import Source
from streams.settings import Settings
from streams.transport.batches import Record
from streams.transport.log import Log, TopicConfig

MUCH_LAG = 50_000  # records
_HOUR_MS = 3_600_000
_LETTERS = 5
_TAIL = 20  # offsets


def check_topics(log: Log, settings: Settings) -> Check:
    """Are all topics declared as the contract says."""
    declared = {config.name: config for config in log.topics()}
    wrong = []
    for topic in TOPICS.values():
        partitions = partitions_of(topic.name, settings)
        expected = TopicConfig(topic.name, partitions, topic.compacted, topic.retention_ms)
        found = declared.get(topic.name)
        if found is None:
            wrong.append(f"{topic.name}: not declared")
        elif found != expected:
            wrong.append(f"{topic.name}: {_difference(found, expected)}")
    if wrong:
        return Check(
            "topics",
            "FAIL",
            same("; ".join(wrong)),
            Text(
                "start `livepool worker`, which declares them; the number of partitions cannot change: replay the"
                " input into a new --home",
                "启动 `livepool worker` 会声明主题；分区数不可更改：请将输入回放到新的 --home",
            ),
        )
    return Check("topics", "OK", Text(f"{len(TOPICS)} as the contract says", f"{len(TOPICS)} 个，与契约一致"))


def _difference(found: TopicConfig, expected: TopicConfig) -> str:
    pairs = zip(expected._fields, found, expected, strict=True)
    return ", ".join(f"{name} {has} ≠ {wants}" for name, has, wants in pairs if has != wants)


def worker_pid(home: Path) -> int | None:
    """The process of the worker that consumes from this folder; None when there is none."""
    try:
        with (home / "worker.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read().strip() or 0)
    except FileNotFoundError:
        pass
    return None


def check_worker(log: Log, home: Path) -> Check:
    """Is a worker running, and does it keep up."""
    behind, pid = lag(log), worker_pid(home)
    waiting = Text(f"{behind:,} records to be processed", f"待处理 {behind:,} 条")
    if pid is None:
        step = Text("start one: `livepool worker`, or `--drain` to process what is there", "请启动 `livepool worker`")
        detail = Text(f"none is running, {waiting.en}", f"没有运行中的 worker,{waiting.zh}")
        return Check("worker", "WARN" if behind else "OK", detail, step if behind else None)
    detail = Text(f"process {pid}, {waiting.en}", f"进程 {pid},{waiting.zh}")
    if behind > MUCH_LAG:
        step = Text(
            "see whether this number falls; if not, the machine is too slow for the input",
            "请观察该数字是否下降；若否，机器处理能力不足",
        )
        return Check("worker", "WARN", detail, step)
    return Check("worker", "OK", detail)


def check_policy(log: Source, settings: Settings) -> Check:
    """Does the policy of these settings decide the sales."""
    mine = settings.policy.version
    last = max(last_records(log, "attributed-sales"), key=lambda record: record.timestamp, default=None)
    theirs = orjson.loads(last.value)["data"]["policy"] if last is not None and last.value else mine
    if theirs != mine:
        return Check(
            "policy",
            "WARN",
            Text(
                f"{mine} is valid, but the last sale was decided by {theirs}",
                f"{mine} 有效，但最近一笔销售由 {theirs} 判定",
            ),
            Text(
                "set LIVEPOOL_POLICY or --policy as the worker has it",
                "请将 LIVEPOOL_POLICY 或 --policy 设为与 worker 一致",
            ),
        )
    return valid_policy(settings)


def valid_policy(settings: Settings) -> Check:
    """The policy can be used."""
    mine = settings.policy
    return Check("policy", "OK", Text(f"{mine.version}, {mine.timezone}", f"{mine.version},{mine.timezone}"))


def check_dead_letters(letters: list[Record], now_ms: int, total: int | None = None) -> Check:
    """What was refused last; `total`: how many there are, where that is known."""
    if not letters:
        return Check("dead letters", "OK", Text("none", "无"))
    shown = "; ".join(map(_letter, letters[-_LETTERS:]))
    recent = any(letter.timestamp > now_ms - _HOUR_MS for letter in letters)
    return Check(
        "dead letters",
        "WARN" if recent else "OK",
        Text(f"the last: {shown}", f"最近：{shown}")
        if total is None
        else Text(f"{total:,}, the last: {shown}", f"共 {total:,} 条，最近：{shown}"),
        Text("look: `livepool dlq ls`", "查看：`livepool dlq ls`") if recent else None,
    )


def _letter(record: Record) -> str:
    # Livepool's headers come first; a sender may have some of the same names.
    reason = dict(reversed(record.headers)).get("reason", b"?").decode()
    return f"{format_time(record.timestamp)} {reason}"


def last_records(log: Source, topic: str, count: int = _TAIL) -> list[Record]:
    """The records of the last offsets of each partition of a topic; on Kafka some offsets are markers."""
    start = {tp[1]: max(0, end - count) for tp, end in log.end_offsets(log.partitions(topic)).items()}
    return list(log.read(topic, start))


def last_append_ms(log: Log) -> int | None:
    """When something was last appended."""
    return max((record.timestamp for topic in TOPICS for record in last_records(log, topic, 1)), default=None)


def examine(settings: Settings, error: str | None) -> Iterator[Check]:
    """Answer every question; `error` is what was wrong with the settings that were asked for."""
    yield check_environment(os.environ, error)
    yield check_versions()
    yield check_folder(settings.home)
    yield check_port(settings.web)
    now = time.time_ns() // 1_000_000
    try:
        log = Log(settings.home, readonly=True)
    except FileNotFoundError:
        yield check_clock(now, None)
        yield Check(
            "run",
            "WARN",
            Text(f"none in {settings.home} yet", f"{settings.home} 中尚无数据"),
            Text(
                "start `livepool demo` or `livepool worker`, or name its folder by --home",
                "请启动 `livepool demo` 或 `livepool worker`",
            ),
        )
        return
    except (ValueError, sqlite3.Error) as broken:
        yield _unreadable(broken)
        return
    with log:
        checks: tuple[Callable[[], Check], ...] = (
            lambda: check_clock(now, last_append_ms(log)),
            lambda: check_topics(log, settings),
            lambda: check_worker(log, settings.home),
            lambda: check_policy(log, settings),
            lambda: _dead_letters(log, now),
        )
        for check in checks:
            try:
                yield check()
            except (sqlite3.Error, LookupError) as broken:
                yield _unreadable(broken)


def _dead_letters(log: Log, now_ms: int) -> Check:
    total = sum(log.end_offsets(log.partitions("dead-letters")).values())
    return check_dead_letters(last_records(log, "dead-letters", _LETTERS), now_ms, total)


def _unreadable(error: Exception) -> Check:
    return Check(
        "run",
        "FAIL",
        same(str(error)),
        Text(
            "use the program version that wrote the folder, or restore it from a backup",
            "请使用写入该目录的程序版本，或从备份恢复",
        ),
    )
