"""Random shows, processed; their topics as records; and what the read model should have made of them, from scratch."""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson

from streams.app import build_app
from streams.cli.common import InputLine, to_output
from streams.home import open_log
from streams.runner import run
from streams.settings import Settings
from streams.topology import VIEWED

ZONE = ZoneInfo("Asia/Shanghai")


def processed(home, lines, *, max_records=2000, partitions=1):
    """Let the agents process lines; the settings of the run."""
    settings = Settings(home, synchronous="off", max_records=max_records, partitions=partitions, bad_fuse=False)
    with open_log(settings) as log:
        log.append(to_output(InputLine(number, line)) for number, line in enumerate(lines))
    asyncio.run(run(build_app(settings), drain=True))
    return settings


def viewed(settings):
    """All records of the topics that people watch, in the order of their appends."""
    with open_log(settings) as log:
        tps = [tp for topic in VIEWED for tp in log.partitions(topic)]
        return log.records_from(dict.fromkeys(tps, 0), 1 << 30, 1 << 40)


def last_data(records, topic):
    """The data of the last record of each key that is no tombstone."""
    last = {record.key: record.value for record in records if record.topic == topic}
    return {key.decode(): orjson.loads(value)["data"] for key, value in last.items() if value is not None}


def sums_from_scratch(sales):
    """(session, kind, day, party) -> [sales, orders, units, paid, refunded, net], added up plainly."""
    found = defaultdict(lambda: [0, set(), 0, 0, 0, 0])
    for sale in sales.values():
        day = datetime.fromisoformat(sale["placed_at"]).astimezone(ZONE).strftime("%Y-%m-%d")
        minute = int(datetime.fromisoformat(sale["placed_at"]).astimezone(UTC).timestamp()) // 60 * 60_000
        groups = Counter()
        for kind, many in (("store", "stores"), ("anchor", "anchors"), ("mode", "modes")):
            for credit in sale[many]:
                party = credit["mode" if kind == "mode" else f"{kind}_id"]
                groups["", kind, day, party] += credit["amount_fen"]
                groups["", kind, "", party] += credit["amount_fen"]
                if sale["session_id"] is not None:
                    groups[sale["session_id"], kind, "", party] += credit["amount_fen"]
        if sale["session_id"] is not None:
            live, store = (f"{sale[which]['rule']}/{sale[which]['tier']}" for which in ("live", "store"))
            for kind, party in (
                ("item", sale["item_id"]), ("live", live), ("store_rule", store), ("minute", str(minute)),
                ("total", ""),
            ):  # fmt: skip
                groups[sale["session_id"], kind, "", party] = sale["net_fen"]
        for group, net in groups.items():
            sums = found[group]
            sums[0] += 1
            sums[1].add((sale["carrier"], sale["order_id"]))
            sums[2] += sale["quantity"]
            sums[3] += sale["amount_fen"]
            sums[4] += sale["refunded_fen"]
            sums[5] += net
    return {group: [one, len(orders), *rest] for group, (one, orders, *rest) in found.items()}
