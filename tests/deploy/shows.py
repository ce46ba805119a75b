"""Some hours of a healthy show as Prometheus sees them, a sample each minute, and what may happen in them."""

MINUTES = 160
LABELS = 'job="livepool", instance="w1"'
Values = str | None  # promtool's notation, or None: the series is not there


def series(name: str, labels: str = "", instance: str = "w1") -> str:
    """A series of a worker."""
    inner = ", ".join(filter(None, ('job="livepool"', f'instance="{instance}"', labels)))
    return f"{name}{{{inner}}}"


def is_(value: float) -> str:
    """A gauge that stays as it is."""
    return f"{value}x{MINUTES}"


def grows(by: float) -> str:
    """A counter with so many more each minute."""
    return f"0+{by}x{MINUTES}"


def grows_then(by: float, minute: int, then: float) -> str:
    """A counter that grows otherwise from a minute on."""
    return f"0+{by}x{minute} {by * minute + then}+{then}x{MINUTES - minute - 1}"


def is_then(value: float, minute: int, then: float) -> str:
    """A gauge that changes at a minute."""
    return f"{value}x{minute} {then}x{MINUTES - minute - 1}"


def ends(values: str, minute: int) -> str:
    """A series that is not scraped any more."""
    return f"{values.removesuffix(f'x{MINUTES}')}x{minute} _x{MINUTES - minute - 1}"


PAID = series("livepool_paid_fen_total", 'mode="portal", rule="scan", tier="strong"')
SALES = series("livepool_sales_total", 'mode="portal", rule="scan", tier="strong"')
REFUNDED = series("livepool_refunded_fen_total", 'mode="portal", rule="scan", tier="strong"')
REFUNDS = series("livepool_refunds_total")
NOBODYS = series("livepool_unattributed_fen_total", 'dimension="store"')
ENTRIES = series("livepool_events_total", 'type="live.viewer.entered", outcome="accepted"')
SCANS = series("livepool_events_total", 'type="scan.code.scanned", outcome="accepted"')
JOINS = series("livepool_pool_events_total", 'type="buyer.joined_pool"')
LIVE = series("livepool_live_sessions")
LETTERS = series("livepool_dead_letters_total", 'topic="checkout", reason="bad_json"')
LAG = series("livepool_lag_records", 'topic="journeys"')
PROGRESS = series("livepool_last_progress_timestamp_seconds")
WORK = series("livepool_batch_records_sum", 'agent="journey"')
RECOVERING = series("livepool_recovery_in_progress")
REBALANCES = series("livepool_rebalances_total")
STARTED = series("process_start_time_seconds")
FUTURE = series("livepool_future_events_total")
POLICY = series("livepool_policy_info", 'version="a"')
DROPPED = series("livepool_sse_dropped_total")
UP = series("up")
BUILD = series("livepool_build_info", 'version="0.1.0"')


def ages(name: str, *bounds: float, values: list[str]) -> dict[str, str]:
    """The buckets of a histogram."""
    return {
        series(f"{name}_bucket", f'le="{bound}"'): value for bound, value in zip([*bounds, "+Inf"], values, strict=True)
    }


def feedback(fast: str, slow: str) -> dict[str, str]:
    """Ages of profiles: up to 1 s, and up to 30 s."""
    return ages("livepool_pool_feedback_age_seconds", 1.0, 30.0, values=[fast, slow, slow])


def arrival(fast: str, slow: str) -> dict[str, str]:
    """Ages of events: up to 2 s, and up to 300 s."""
    return ages("livepool_event_lag_seconds", 2.0, 300.0, values=[fast, slow, slow])


def commit(fast: str, slow: str) -> dict[str, str]:
    """Durations of commits: up to 0.1 s, and up to 5 s."""
    return ages("livepool_commit_duration_seconds", 0.1, 5.0, values=[fast, slow, slow])


HEALTHY: dict[str, Values] = {
    UP: is_(1),
    BUILD: is_(1),
    POLICY: is_(1),
    STARTED: is_(7),
    LIVE: is_(1),
    PAID: grows(10_000),
    SALES: grows(5),
    REFUNDED: grows(500),
    REFUNDS: grows(1),
    NOBODYS: grows(300),
    ENTRIES: grows(100),
    SCANS: grows(10),
    JOINS: grows(2),
    LETTERS: is_(0),
    LAG: is_(5),
    PROGRESS: grows(60),
    WORK: grows(600),
    RECOVERING: is_(0),
    REBALANCES: is_(1),
    FUTURE: is_(0),
    DROPPED: is_(0),
    series("livepool_sse_clients"): is_(10),
    **feedback(grows(100), grows(100)),
    **arrival(grows(100), grows(100)),
    **commit(grows(100), grows(100)),
}
NO_SHOW: dict[str, Values] = {LIVE: is_(0)}
