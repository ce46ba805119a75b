"""Two results in one form, and where they differ."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import in_memory
import oracle
from streams.core.policy import MODELS
from system.runs import Home

ANONYMOUS = re.compile(r'"(anonymous-|a)[0-9a-f]{16}"')  # free to choose: only that it is nobody's name
NOT_COMPARED = {"revision", "policy", "reason"}  # they tell how a result came about
SEVERAL_REASONS = {"share", "pool_contact", *MODELS}
Ends = dict[str, Any]


def of_core(found: in_memory.Result) -> Ends:
    return _ends(found.sales, found.ledger, found.profiles, found.rooms, found.dead_letters) | {
        "duplicates": found.duplicates
    }


def of_oracle(found: oracle.Outcome) -> Ends:
    return _ends(found.sales, found.ledger, found.profiles, found.rooms, found.dead_letters) | {
        "duplicates": found.duplicates
    }


def of_replay(out: Path) -> Ends:
    """From the files of `livepool replay`; duplicates are not in them."""
    return of_topics({path.stem: path.read_bytes().splitlines() for path in out.glob("*.ndjson")})


def of_home(home: Home) -> Ends:
    """From the topics of a run; nor are duplicates in these."""
    outputs = home.outputs()
    topics = {topic: list(outputs[topic].values()) for topic in ("attributed-sales", "pool-feedback", "room-metrics")}
    ledger = [entry for entries in outputs["credit-ledger"].values() for entry in entries]
    letters = [json.dumps(letter) for letter in home.dead_letters()]
    return of_topics({**topics, "credit-ledger": ledger, "dead-letters": letters})


def of_topics(lines: dict[str, list[Any]]) -> Ends:
    """From the last record of each key, all ledger entries, and dead letters as `common.dead_letter` shows them."""
    topics = {topic: list(map(json.loads, values)) for topic, values in lines.items()}
    ledger: Counter[tuple[str, str, str]] = Counter()
    for event in topics["credit-ledger"]:
        entry = event["data"]
        ledger[entry["sale_id"], entry["dimension"], entry["party_id"]] += entry["amount_fen"]
    sales, profiles, rooms = (
        {event["data"][key]: event["data"] for event in topics[topic]}
        for topic, key in (
            ("attributed-sales", "sale_id"),
            ("pool-feedback", "buyer_id"),
            ("room-metrics", "session_id"),
        )
    )
    return _ends(sales, {key: fen for key, fen in ledger.items() if fen}, profiles, rooms, topics["dead-letters"])


def _ends(sales: Any, ledger: Any, profiles: Any, rooms: Any, letters: Any) -> Ends:
    tables = {"sales": sales, "profiles": profiles, "rooms": rooms}
    ends: Ends = {
        name: {
            key: {field: value for field, value in data.items() if field not in NOT_COMPARED}
            for key, data in json.loads(ANONYMOUS.sub('"anonymous"', json.dumps(table))).items()
        }
        for name, table in tables.items()
    }
    for sale in ends["sales"].values():
        sale["considered"] = [_outcome(*tried) for tried in groupby(sale["considered"], _rule)]
    ends["ledger"] = {" ".join(party): fen for party, fen in ledger.items()}
    ends["dead_letters"] = {
        str(letter): count
        for letter, count in Counter(
            (letter["reason"], letter["topic"], letter["offset"], letter["payload"]) for letter in letters
        ).items()
    }
    return ends


def _rule(considered: dict[str, str]) -> tuple[str, str]:
    return considered["decision"], considered["rule"]


def _outcome(rule: tuple[str, str], entries: Iterable[dict[str, str]]) -> tuple[tuple[str, str], str]:
    """The outcome of a rule, as far as the contract settles it.

    Open is whether those are listed that a winner overtook, and which reason is given when several touches lost
    each for its own.
    """
    first = next(iter(entries))["outcome"]
    return rule, "lost" if rule[1] in SEVERAL_REASONS and first != "won" else first


def differences(found: Any, expected: Any, where: str = "") -> Iterator[str]:
    """One line for each field that differs."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(found.keys() | expected.keys()):
            yield from differences(found.get(key), expected.get(key), f"{where}.{key}"[:200])
    elif found != expected:
        yield f"{where}: found {found}, expected {expected}"


def report(lines: list[bytes], found: Ends, expected: Ends) -> str:
    """Empty when both are the same; else the differences and the show."""
    unlike = list(differences(found, expected))
    if not unlike:
        return ""
    return "\n".join([*unlike[:20], "the show:", *(line[:1000].decode(errors="replace") for line in lines)])
