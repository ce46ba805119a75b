"""What may go wrong in a show, or seem to, and which alerts fire then."""

from typing import NamedTuple

from deploy.shows import (
    DROPPED,
    ENTRIES,
    FUTURE,
    HEALTHY,
    JOINS,
    LAG,
    LETTERS,
    MINUTES,
    NO_SHOW,
    NOBODYS,
    PAID,
    POLICY,
    PROGRESS,
    REBALANCES,
    RECOVERING,
    REFUNDED,
    REFUNDS,
    SALES,
    SCANS,
    STARTED,
    UP,
    WORK,
    Values,
    arrival,
    commit,
    ends,
    feedback,
    grows,
    grows_then,
    is_,
    is_then,
    series,
)  # fmt: skip


class Case(NamedTuple):
    """What differs from a healthy show, and which alerts fire at a minute."""

    changes: dict[str, Values]
    at: int = MINUTES - 1
    fires: str = ""


def other(name: str, labels: str = "") -> str:
    return series(name, labels, instance="w2")


GONE: dict[str, Values] = dict.fromkeys(HEALTHY)
NO_SALES = {PAID: grows_then(10_000, 120, 0), SALES: grows_then(5, 120, 0)}
NOBODY = {NOBODYS: grows_then(300, 120, 4_000)}
REFUSED = {LETTERS: grows_then(0, 120, 10)}
RETURNED = {REFUNDED: grows_then(500, 120, 5_000), REFUNDS: grows_then(1, 120, 10)}
NO_JOINS = {JOINS: grows_then(2, 120, 0)}
STUCK = {PROGRESS: f"0+60x120 7200x{MINUTES - 121}"}
FAR_BEHIND = {LAG: is_then(5, 120, 5_000)}
SLOW_FEEDBACK = feedback(grows_then(100, 120, 0), grows(100))
LATE_EVENTS = arrival(grows_then(100, 120, 0), grows(100))
RESTARTED = {  # a worker that begins anew: its counters at 0, those of sales not there until there is one
    STARTED: is_then(7, 152, 9_120),
    PAID: f"{ends(grows(10_000), 152)}",
    SALES: f"{ends(grows(5), 152)}",
    WORK: f"0+600x152 0+600x{MINUTES - 153}",
    ENTRIES: f"0+100x152 0+100x{MINUTES - 153}",
    REBALANCES: is_(1),
    RECOVERING: is_then(0, 157, 1),
}

CASES = {
    "a healthy show": Case({}),
    "the night": Case(NO_SHOW | {name: is_(7) for name in (PAID, SALES, ENTRIES, SCANS, JOINS, WORK)}),
    "a restart and a rebalance": Case(RESTARTED | {other("livepool_rebalances_total"): is_then(1, 152, 2)}),
    "workers of before our metrics of sales": Case(dict.fromkeys((PAID, SALES, REFUNDED, REFUNDS, NOBODYS, JOINS))),
    # Operators
    "no sales": Case(NO_SALES, 140, "LivepoolSalesStopped"),
    "no sales for a few minutes": Case(NO_SALES, 128),
    "no sales without a show": Case(NO_SALES | NO_SHOW),
    "no sales since the show began": Case({PAID: is_(0), SALES: is_(0)}),
    "money that nobody gets": Case(NOBODY, fires="LivepoolUnattributedShareJumped"),
    "money that nobody gets, a moment later": Case(NOBODY, 125),
    "money that nobody gets, as always": Case({NOBODYS: grows(4_000)}),
    "money that nobody gets, of few sales": Case(NOBODY | {SALES: grows_then(5, 120, 0.2)}),
    "money that nobody gets without a show": Case(NOBODY | NO_SHOW),
    "refunds": Case(RETURNED, fires="LivepoolRefundRateJumped"),
    "refunds, as always": Case({REFUNDED: grows(5_000), REFUNDS: grows(10)}),
    "a few large refunds": Case({REFUNDED: grows_then(500, 120, 5_000), REFUNDS: grows_then(1, 120, 0.1)}),
    "refunds after the show": Case(RETURNED | NO_SHOW),
    "scans, and nobody joins": Case(NO_JOINS, 150, "LivepoolPoolJoinsStopped"),
    "nobody joins for ten minutes": Case(NO_JOINS, 132),
    "nobody scans": Case(NO_JOINS | {SCANS: grows_then(10, 120, 0)}, 150),
    "nobody ever joined": Case({JOINS: is_(0)}),
    "nobody joins without a show": Case(NO_JOINS | NO_SHOW, 150),
    # SREs
    "a worker that is down": Case({UP: is_then(1, 150, 0)}, fires="LivepoolWorkerDown"),
    "a worker that was down for a minute": Case({UP: f"1x150 0x0 1x{MINUTES - 152}"}),
    "all workers gone": Case(GONE, fires="LivepoolGone"),
    "another program at our address": Case(GONE | {UP: is_(1)}, fires="LivepoolGone"),
    "work, and no progress": Case(STUCK, fires="LivepoolNoProgress"),
    "no work": Case(STUCK | {LAG: is_(0)}),
    "work, while state is read": Case(STUCK | {RECOVERING: is_then(0, 157, 1)}),
    "no events": Case(
        {name: grows_then(100, 120, 0) for name in (ENTRIES, SCANS)}, 135, "LivepoolInputStopped",
    ),
    "no events without a show": Case({name: is_(9) for name in (ENTRIES, SCANS)} | NO_SHOW),
    "behind": Case(FAR_BEHIND, fires="LivepoolBehind"),
    "behind for a minute": Case(FAR_BEHIND, 122),
    "behind, and quick": Case(FAR_BEHIND | {WORK: grows(60_000)}),
    "behind without a show": Case(FAR_BEHIND | NO_SHOW),
    "behind for long": Case({LAG: is_then(5, 70, 5_000)} | NO_SHOW, fires="LivepoolBehindForLong"),
    "dead letters": Case({LETTERS: grows_then(0, 120, 1)}, fires="LivepoolDeadLetters"),
    "three dead letters": Case({LETTERS: is_then(0, 120, 3)}),
    "a flood of dead letters": Case(REFUSED, fires="LivepoolDeadLetterFlood LivepoolDeadLetters"),
    "a flood without a show": Case(REFUSED | NO_SHOW, fires="LivepoolDeadLetters"),
    "a recovery that does not end": Case({RECOVERING: is_then(0, 150, 1)}, fires="LivepoolRecoveryTooLong"),
    "a recovery": Case({RECOVERING: is_then(0, 156, 1)}),
    "feedback that is late": Case(SLOW_FEEDBACK, fires="LivepoolFeedbackLate"),
    "feedback that was late for a moment": Case(SLOW_FEEDBACK, 124),
    "feedback that is late without a show": Case(SLOW_FEEDBACK | NO_SHOW),
    "events that are late": Case(LATE_EVENTS, fires="LivepoolEventsArriveLate"),
    "events that are late because of us": Case(LATE_EVENTS | SLOW_FEEDBACK, fires="LivepoolFeedbackLate"),
    "a rebalance storm": Case({REBALANCES: grows_then(0, 145, 1)}, fires="LivepoolRebalanceStorm"),
    "three rebalances": Case({REBALANCES: f"1x150 2 3 4x{MINUTES - 153}"}),
    "many workers, one rebalance of each": Case(
        {other("up"): is_(1), REBALANCES: is_then(1, 150, 2), other("livepool_rebalances_total"): is_then(1, 150, 2)}
    ),
    "restarts": Case({STARTED: grows_then(0, 154, 60)}, fires="LivepoolWorkerRestarts"),
    "slow commits": Case(commit(grows_then(100, 120, 0), grows(100)), fires="LivepoolCommitsSlow"),
    "events of the future": Case({FUTURE: grows_then(0, 120, 2)}, fires="LivepoolClockAhead"),
    "an event of the future": Case({FUTURE: is_then(0, 120, 1)}),
    "two policies": Case({other("livepool_policy_info", 'version="b"'): is_(1)}, fires="LivepoolPoliciesDiffer"),
    "two workers, one policy": Case({other("livepool_policy_info", 'version="a"'): is_(1)}),
    "a new policy": Case({POLICY: ends(is_(1), 150), series("livepool_policy_info", 'version="b"'): is_(1)}, 159),
    "pushes that are dropped": Case({DROPPED: grows(600)}, fires="LivepoolBoardDropping"),
    "a push that is dropped": Case({DROPPED: is_then(0, 120, 3)}),
}  # fmt: skip
